import DocketModel
import Testing

@Suite("Exported records")
struct ExportedRecordTests {
    private static func record(_ stored: StoredEvent, _ format: ExportFormat) throws -> ExportedRecord {
        guard format == .csv else {
            return try ExportedRecord(line: Array(stored.exported(format).utf8.dropLast()), of: format)
        }
        let columns = try #require(CSVReader.records(Array(stored.exported(.csv).utf8)).first)
        return try ExportedRecord(columns: columns.map(\.bytes))
    }

    /// What a record should say of each part.
    private static func expected(_ stored: StoredEvent) -> [ExportedRecord.Part: String?] {
        let event = stored.event
        return [
            .eventID: event.eventID.uuidString, .type: event.type, .scope: event.scope, .actorID: event.actor?.id,
            .action: event.action, .resourceType: event.resource?.type, .resourceID: event.resource?.id,
            .decision: event.decision?.name, .outcome: event.outcome?.name, .policy: event.policy,
            .source: event.source, .riskScore: event.riskScore?.description, .sessionID: event.sessionID,
            .requestID: event.requestID, .agentID: event.agentID, .traceID: event.traceID?.hex,
            .tenant: stored.tenant,
        ]
    }

    @Test("say the same of an event in each format that has a place for it", arguments: ExportFormat.allCases)
    func parts(format: ExportFormat) throws {
        for stored in [EventSamples.full, EventSamples.hazards] {
            let record = try Self.record(stored, format)
            for (part, value) in Self.expected(stored) where record.has(part) {
                // CSV has nothing for what is absent, and OCSF the type for an absent action.
                if value == nil, format == .csv || part == .action { continue }
                #expect(record.text(part) == value, "\(part)")
            }
            #expect(record.occurredAt == stored.event.occurredAt)
            #expect(record.receivedAt == ExportedRecord.told(stored.receivedAt, in: format))
        }
    }

    @Test("lack what OCSF has in two places or under another name, and nothing else")
    func places() throws {
        for format in ExportFormat.allCases {
            let record = try Self.record(EventSamples.full, format)
            let missing = ExportedRecord.Part.allCases.filter { !record.has($0) }
            #expect(missing == (format == .ocsf ? [.resourceType, .resourceID, .outcome] : []))
        }
    }

    @Test("a time of reception is told in milliseconds by OCSF alone, rounded down")
    func told() {
        let time = Timestamp(microsecondsSinceEpoch: -1)
        for format in ExportFormat.allCases {
            let expected: Int64 = format == .ocsf ? -1_000 : -1
            #expect(ExportedRecord.told(time, in: format).microsecondsSinceEpoch == expected)
        }
    }

    @Test(
        "that say no time have none",
        arguments: ["{}", "[]", #"{"metadata":{"original_time":7,"logged_time":9223372036854775807}}"#, "1"])
    func withoutTimes(line: String) throws {
        let record = try ExportedRecord(line: Array(line.utf8), of: .ocsf)
        #expect(record.occurredAt == nil && record.receivedAt == nil && record.text(.tenant) == nil)
    }

    @Test("are read however deep the attributes nest", arguments: [ExportFormat.jsonl, .cloudevents, .ocsf])
    func deep(format: ExportFormat) throws {
        var stored = EventSamples.full
        stored.event.attributes =
            #"{"a":"# + String(repeating: "[", count: 300) + String(repeating: "]", count: 300) + "}"
        #expect(try Self.record(stored, format).occurredAt == stored.event.occurredAt)
    }

    @Test("that aren't an export's are refused")
    func refused() throws {
        #expect(throws: ModelError.self) { try ExportedRecord(line: Array("{".utf8), of: .jsonl) }
        #expect(throws: ModelError.self) { try ExportedRecord(columns: [Array("a".utf8)]) }
        let names = try #require(CSVReader.records(ExportWriter(.csv).header).first).map(\.bytes)
        #expect(throws: Never.self) { try ExportedRecord.checkHeader(names + [Array("later".utf8)]) }
        #expect(throws: ModelError.self) { try ExportedRecord.checkHeader(names.reversed()) }
        #expect(throws: ModelError.self) { try ExportedRecord.checkHeader(names.dropLast()) }
    }
}
