/// A record of an export, by the names that its events' parts have in a filter. Reads what ``ExportWriter`` writes.
package struct ExportedRecord: Sendable {
    private let format: ExportFormat
    private let content: Content

    private enum Content {
        case json(JSONValue)
        /// The columns by their names.
        case columns([String: [UInt8]])
    }

    /// A line of any format but CSV. Throws a ``ModelError`` when it isn't one JSON value.
    package init(line: [UInt8], of format: ExportFormat) throws(ModelError) {
        self.format = format
        // How deep attributes may nest was judged when they came.
        self.content = .json(try JSONValue(parsing: line, maxDepth: .max))
    }

    /// A record of CSV, unquoted. Throws a ``ModelError`` when it has other columns than an export's.
    package init(columns: [[UInt8]]) throws(ModelError) {
        let names = CSVRecord.columns
        guard columns.count >= names.count else {
            throw ModelError(
                code: .invalidField, message: "has \(columns.count) columns; an export has \(names.count) or more")
        }
        self.format = .csv
        self.content = .columns(Dictionary(uniqueKeysWithValues: zip(names, columns)))
    }

    /// Checks the first record of CSV. Throws a ``ModelError`` when it isn't an export's header.
    package static func checkHeader(_ columns: [[UInt8]]) throws(ModelError) {
        let names = CSVRecord.columns
        guard columns.prefix(names.count).elementsEqual(names.map { Array($0.utf8) }) else {
            throw ModelError(code: .invalidField, message: "the header isn't that of an export")
        }
    }

    /// Whether the format has a place for a part.
    package func has(_ part: Part) -> Bool { self.format == .csv || part.pointer(in: self.format) != nil }

    /// The text of a part; `nil` where there is none, or the format has no place for it. CSV has the empty text for both.
    package func text(_ part: Part) -> String? {
        switch self.content {
        case .columns(let columns): columns[part.rawValue].map { String(decoding: $0, as: UTF8.self) }
        case .json(let value): part.pointer(in: self.format).flatMap { value.text(at: $0) }
        }
    }

    /// When the event occurred; `nil` when the record doesn't say so.
    package var occurredAt: Timestamp? { self.text(.occurredAt).flatMap { Timestamp(rfc3339: $0) } }

    /// When it was received, as finely as the format tells; `nil` when the record doesn't say so.
    package var receivedAt: Timestamp? {
        guard let text = self.text(.receivedAt) else { return nil }
        guard self.format == .ocsf else { return Timestamp(rfc3339: text) }
        let (time, overflows) = (Int64(text) ?? .max).multipliedReportingOverflow(by: Self.microsecondsPerMillisecond)
        return overflows ? nil : Timestamp(microsecondsSinceEpoch: time)
    }

    /// A time of reception as finely as a format tells it.
    package static func told(_ receivedAt: Timestamp, in format: ExportFormat) -> Timestamp {
        guard format == .ocsf else { return receivedAt }
        let microseconds = receivedAt.microsecondsSinceEpoch
        let (milliseconds, _) = microseconds.floorDivided(by: Self.microsecondsPerMillisecond)
        return Timestamp(microsecondsSinceEpoch: milliseconds * Self.microsecondsPerMillisecond)
    }

    private static let microsecondsPerMillisecond: Int64 = 1_000
}

extension ExportedRecord {
    /// A part of an event. The raw value is its column of CSV; what a filter can ask for has the filter's name.
    package enum Part: String, Sendable, CaseIterable {
        case eventID = "event_id"
        case type, scope
        case actorID = "actor_id"
        case action
        case resourceType = "resource_type"
        case resourceID = "resource_id"
        case decision, outcome, policy, source
        case riskScore = "risk_score"
        case sessionID = "session_id"
        case requestID = "request_id"
        case agentID = "agent_id"
        case traceID = "trace_id"
        case occurredAt = "occurred_at"
        case receivedAt = "received_at"
        case tenant

        /// Where it stands in a record of JSON; `nil` when it has no place of its own.
        func pointer(in format: ExportFormat) -> JSONPointer? {
            switch format {
            case .csv: nil
            case .jsonl: Self.own[self]
            case .cloudevents: Self.inCloudEvent[self]
            case .ocsf: Self.inAPIActivity[self]
            }
        }

        private static let own = Dictionary(
            uniqueKeysWithValues: Self.allCases.map { part in
                let path: [String] =
                    switch part {
                    case .actorID: ["actor", "id"]
                    case .resourceType: ["resource", "type"]
                    case .resourceID: ["resource", "id"]
                    default: [part.rawValue]
                    }
                return (part, JSONPointer(tokens: path))
            })

        private static let inCloudEvent = Self.own.mapValues { JSONPointer(tokens: ["data"] + $0.tokens) }
            .merging([
                .occurredAt: JSONPointer(tokens: ["time"]), .receivedAt: JSONPointer(tokens: ["receivedat"]),
                .tenant: JSONPointer(tokens: ["tenant"]),
            ]) { _, one in one }

        /// A resource is in either of two places, and an outcome has another name.
        private static let inAPIActivity: [Self: JSONPointer] = [
            .eventID: ["metadata", "uid"], .type: ["metadata", "event_code"], .tenant: ["metadata", "tenant_uid"],
            .occurredAt: ["metadata", "original_time"], .receivedAt: ["metadata", "logged_time"],
            .actorID: ["actor", "user", "uid"], .sessionID: ["actor", "session", "uid"],
            .action: ["api", "operation"], .requestID: ["api", "request", "uid"],
            .source: ["src_endpoint", "svc_name"], .scope: ["unmapped", "scope"],
            .decision: ["unmapped", "decision"], .policy: ["unmapped", "policy"],
            .riskScore: ["unmapped", "risk_score"], .agentID: ["unmapped", "agent_id"],
            .traceID: ["unmapped", "trace_id"],
        ].mapValues { JSONPointer(tokens: $0) }
    }
}
