package import DocketModel

/// A row of the events table, read back.
package struct DecodedRow: Sendable, Equatable {
    package var event: Event
    package var tenantID: Int32
    package var typeID: Int32
    package var batchID: Int64
    /// The event's index in its batch as received, from 0.
    package var position: Int32

    package init(event: Event, tenantID: Int32, typeID: Int32, batchID: Int64, position: Int32) {
        self.event = event
        self.tenantID = tenantID
        self.typeID = typeID
        self.batchID = batchID
        self.position = position
    }
}

/// Gives the binary form of a column of one row; `nil` for NULL. The bytes stay valid while the row is being read.
package typealias RowField = (EventColumn) -> UnsafeRawBufferPointer?

/// Reads a row from the binary forms of its columns: those of a COPY tuple, or of a libpq result in binary format.
///
/// - Parameters:
///   - typeName: The name of an event type by its surrogate key; `nil` when there is none.
///   - field: The bytes of each column.
/// - Throws: ``CodecError`` of the code `invalidRow`, which names the column and what is wrong with it.
package func decodeRow(
    typeName: (Int32) -> String?,
    field: RowField
) throws(CodecError) -> DecodedRow {
    let typeID = try unsafe requiredInteger(.typeID, as: Int32.self, field)
    guard let type = typeName(typeID) else {
        throw invalidRow(.typeID, "holds \(typeID), which is no event type; reload the registry")
    }
    let (high, low) = try unsafe requiredHalves(.eventID, field)
    var event = Event(
        eventID: EventID(high: high, low: low), type: type, occurredAt: try unsafe occurredAt(field))
    event.decision = try unsafe enumeration(.decision, field)
    event.outcome = try unsafe enumeration(.outcome, field)
    event.durationMicroseconds = try unsafe integer(.durationUs, as: Int64.self, field)
    event.riskScore = try unsafe integer(.riskScore, as: UInt64.self, field).map { Double(bitPattern: $0) }
    try unsafe readParts(into: &event, field)
    try unsafe readTexts(into: &event, field)
    return DecodedRow(
        event: event,
        tenantID: try unsafe requiredInteger(.tenantID, as: Int32.self, field),
        typeID: typeID,
        batchID: try unsafe requiredInteger(.batchID, as: Int64.self, field),
        position: try unsafe requiredInteger(.position, as: Int32.self, field))
}

func invalidRow(_ column: EventColumn, _ what: String) -> CodecError {
    CodecError(code: .invalidRow, message: "column \(column.sqlName) \(what)")
}

private func readTexts(into event: inout Event, _ field: RowField) throws(CodecError) {
    event.scope = try unsafe text(.scope, field)
    event.action = try unsafe text(.action, field)
    event.reason = try unsafe text(.reason, field)
    event.policy = try unsafe text(.policy, field)
    event.sessionID = try unsafe text(.sessionID, field)
    event.requestID = try unsafe text(.requestID, field)
    event.agentID = try unsafe text(.agentID, field)
    event.source = try unsafe text(.source, field)
    event.sourceEventID = try unsafe text(.sourceEventID, field)
    event.obligations = try unsafe text(.obligations, field)
    event.evaluatedRules = try unsafe text(.evaluatedRules, field)
    event.attributes = try unsafe text(.attributes, field)
}

private func readParts(into event: inout Event, _ field: RowField) throws(CodecError) {
    let actor = Actor(
        kind: try unsafe text(.actorKind, field),
        id: try unsafe text(.actorID, field),
        userID: try unsafe text(.actorUserID, field))
    event.actor = actor.isEmpty ? nil : actor
    let resource = Resource(
        type: try unsafe text(.resourceType, field), id: try unsafe text(.resourceID, field))
    event.resource = resource.isEmpty ? nil : resource
    let payload = PayloadFingerprint(
        hash: try unsafe text(.payloadHash, field),
        inSizeBytes: try unsafe integer(.payloadInSizeBytes, as: Int64.self, field),
        outSizeBytes: try unsafe integer(.payloadOutSizeBytes, as: Int64.self, field))
    event.payload = payload.isEmpty ? nil : payload
    event.traceID = try unsafe halves(.traceID, field).map { TraceID(high: $0.high, low: $0.low) }
    event.spanID = try unsafe integer(.spanID, as: UInt64.self, field).map { SpanID($0) }
    guard let delegation = unsafe field(.delegation) else { return }
    do {
        event.delegation = try unsafe DelegationJSON.decode(delegation)
    } catch {
        throw invalidRow(.delegation, "can't be read: \(error.message)")
    }
}
