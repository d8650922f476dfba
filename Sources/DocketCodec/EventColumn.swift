/// The columns that a COPY of events names, in its order: fixed-width columns first, so that PostgreSQL finds their
/// offsets without walking the row. A segment has a further column `segment_id`, which its own DEFAULT fills in.
package enum EventColumn: Int, CaseIterable, Sendable {
    case batchID
    case occurredAt
    case eventID
    case tenantID
    case typeID
    case position
    case decision
    case outcome
    case durationUs
    case riskScore
    case payloadInSizeBytes
    case payloadOutSizeBytes
    case scope
    case actorKind
    case actorID
    case actorUserID
    case action
    case resourceType
    case resourceID
    case reason
    case policy
    case sessionID
    case requestID
    case agentID
    case source
    case sourceEventID
    case payloadHash
    case traceID
    case spanID
    case delegation
    case obligations
    case evaluatedRules
    case attributes

    /// How many columns there are: the field count of every tuple.
    package static let count = EventColumn.allCases.count

    /// The column's name, which needs no quotes in SQL.
    package var sqlName: String {
        switch self {
        case .batchID: "batch_id"
        case .occurredAt: "occurred_at"
        case .eventID: "event_id"
        case .tenantID: "tenant_id"
        case .typeID: "type_id"
        case .position: "position"
        case .decision: "decision"
        case .outcome: "outcome"
        case .durationUs: "duration_us"
        case .riskScore: "risk_score"
        case .payloadInSizeBytes: "payload_in_size_bytes"
        case .payloadOutSizeBytes: "payload_out_size_bytes"
        case .scope: "scope"
        case .actorKind: "actor_kind"
        case .actorID: "actor_id"
        case .actorUserID: "actor_user_id"
        case .action: "action"
        case .resourceType: "resource_type"
        case .resourceID: "resource_id"
        case .reason: "reason"
        case .policy: "policy"
        case .sessionID: "session_id"
        case .requestID: "request_id"
        case .agentID: "agent_id"
        case .source: "source"
        case .sourceEventID: "source_event_id"
        case .payloadHash: "payload_hash"
        case .traceID: "trace_id"
        case .spanID: "span_id"
        case .delegation: "delegation"
        case .obligations: "obligations"
        case .evaluatedRules: "evaluated_rules"
        case .attributes: "attributes"
        }
    }

    /// The column's type. Text is to be declared `COLLATE "C"`.
    package var sqlType: String {
        switch self {
        case .batchID, .durationUs, .payloadInSizeBytes, .payloadOutSizeBytes: "int8"
        case .occurredAt: "timestamptz"
        case .eventID: "uuid"
        case .tenantID, .typeID, .position: "int4"
        case .decision, .outcome: "int2"
        case .riskScore: "float8"
        case .scope, .actorKind, .actorID, .actorUserID, .action, .resourceType, .resourceID, .reason, .policy,
            .sessionID, .requestID, .agentID, .source, .sourceEventID, .payloadHash:
            "text"
        case .traceID, .spanID: "bytea"
        case .delegation, .obligations, .evaluatedRules, .attributes: "json"
        }
    }

    /// Whether the column may be NULL: an absent field.
    package var isNullable: Bool {
        switch self {
        case .batchID, .occurredAt, .eventID, .tenantID, .typeID, .position, .decision, .outcome: false
        default: true
        }
    }

    /// All names with commas in between, for `COPY docket.events_… (…)` and `SELECT …`.
    package static let sqlList = EventColumn.allCases.map(\.sqlName).joined(separator: ", ")
}

/// The frame of COPY's binary format (PostgreSQL, SQL Commands, COPY, "Binary Format").
package enum CopyStream {
    /// The signature, flags without OIDs, and an empty header extension: 19 bytes that open a stream.
    package static let header: [UInt8] =
        [0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)

    /// The field count -1 that closes a stream.
    package static let trailer: [UInt8] = [0xFF, 0xFF]
}

/// PostgreSQL counts microseconds from 2000-01-01T00:00:00Z: this many after 1970.
let postgresEpochMicroseconds: Int64 = 946_684_800_000_000
