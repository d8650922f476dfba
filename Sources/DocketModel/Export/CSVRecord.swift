/// One event as a record of comma-separated values (RFC 4180): UTF-8 without a byte order mark, lines ended by CR LF,
/// quotes only where they are needed.
///
/// An absent field has no bytes; one that is present but empty is two quotation marks. Text stays as it is byte for
/// byte, that of JSON fields included.
struct CSVRecord {
    /// Whether text that a spreadsheet would take for a formula gets an apostrophe before it.
    let formulaSafe: Bool

    /// The names of the columns in their order, which is part of the contract: new ones come at the end.
    static let columns = [
        "event_id", "source_event_id", "type", "occurred_at", "scope", "actor_kind", "actor_id", "actor_user_id",
        "delegation", "action", "resource_type", "resource_id", "decision", "outcome", "reason", "policy",
        "obligations", "evaluated_rules", "risk_score", "session_id", "request_id", "agent_id", "source", "trace_id",
        "span_id", "duration_us", "payload_hash", "payload_in_size_bytes", "payload_out_size_bytes", "attributes",
        "tenant", "received_at", "batch_id", "position",
    ]

    /// The header with its line's end.
    static let header = Array((Self.columns.joined(separator: ",") + "\r\n").utf8)

    func append(_ stored: StoredEvent, to line: inout [UInt8]) {
        let event = stored.event
        line.append(contentsOf: event.eventID.uuidString.utf8)
        self.text(event.sourceEventID, to: &line)
        self.text(event.type, to: &line)
        self.plain(event.occurredAt.rfc3339, to: &line)
        self.text(event.scope, to: &line)
        self.text(event.actor?.kind, to: &line)
        self.text(event.actor?.id, to: &line)
        self.text(event.actor?.userID, to: &line)
        self.text(Self.json(event.delegation), to: &line)
        self.text(event.action, to: &line)
        self.text(event.resource?.type, to: &line)
        self.text(event.resource?.id, to: &line)
        self.plain(event.decision?.name, to: &line)
        self.plain(event.outcome?.name, to: &line)
        self.text(event.reason, to: &line)
        self.text(event.policy, to: &line)
        self.text(event.obligations, to: &line)
        self.text(event.evaluatedRules, to: &line)
        self.plain(event.riskScore?.description, to: &line)
        self.text(event.sessionID, to: &line)
        self.text(event.requestID, to: &line)
        self.text(event.agentID, to: &line)
        self.text(event.source, to: &line)
        self.plain(event.traceID?.hex, to: &line)
        self.plain(event.spanID?.hex, to: &line)
        self.number(event.durationMicroseconds, to: &line)
        self.text(event.payload?.hash, to: &line)
        self.number(event.payload?.inSizeBytes, to: &line)
        self.number(event.payload?.outSizeBytes, to: &line)
        self.text(event.attributes, to: &line)
        self.text(stored.tenant, to: &line)
        self.plain(stored.receivedAt.rfc3339, to: &line)
        self.number(stored.batchID, to: &line)
        self.number(Int64(stored.position), to: &line)
        line.append(UInt8(ascii: "\r"))
        line.append(UInt8(ascii: "\n"))
    }

    /// A column that others have a say in.
    private func text(_ text: String?, to line: inout [UInt8]) {
        line.append(UInt8(ascii: ","))
        if let text { CSVText.append(text, formulaSafe: self.formulaSafe, to: &line) }
    }

    /// A column of digits or of names that Docket chose: nothing in it ever needs quotes.
    private func plain(_ text: String?, to line: inout [UInt8]) {
        line.append(UInt8(ascii: ","))
        if let text { line.append(contentsOf: text.utf8) }
    }

    private func number(_ number: Int64?, to line: inout [UInt8]) {
        self.plain(number.map { String($0) }, to: &line)
    }

    /// A delegation chain as the JSON projection has it; `nil` when there is none.
    private static func json(_ delegation: [Actor]) -> String? {
        guard !delegation.isEmpty else { return nil }
        var writer = JSONWriter()
        writer.actors(delegation)
        return writer.text
    }
}
