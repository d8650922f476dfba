/// What became of a stored batch.
public struct Verdict: Sendable, Equatable {
    /// How many of the batch's events are in the log.
    public var acceptedCount: Int
    /// The events that are not, in rising order of their index.
    public var rejections: [Rejection]
    /// Proof of storage.
    public var receipt: Receipt
    /// Whether the batch had been stored before, and this is the verdict that it got then.
    public var replayed: Bool

    public init(acceptedCount: Int, rejections: [Rejection], receipt: Receipt, replayed: Bool = false) {
        self.acceptedCount = acceptedCount
        self.rejections = rejections
        self.receipt = receipt
        self.replayed = replayed
    }
}

/// Why one event was rejected.
public struct Rejection: Sendable, Hashable {
    /// The event's index in its batch, from 0.
    public var index: Int
    /// The field at fault, by its name in `event.proto`, such as `actor.id`; within the attributes their JSON pointer
    /// behind the field's name, such as `attributes/items/0/amount`.
    public var field: String
    /// The sort of fault.
    public var code: RejectionCode
    /// The fault in words: the limit and the remedy.
    public var reason: String

    public init(index: Int, field: String, code: RejectionCode, reason: String) {
        self.index = index
        self.field = field
        self.code = code
        self.reason = reason
    }
}

/// The sort of fault that an event was rejected for. The raw value is the number in `docket.v1.RejectionCode`.
public enum RejectionCode: Int32, Sendable, CaseIterable {
    case unspecified = 0
    case missingField = 1
    case tooLong = 2
    case wrongLength = 3
    case invalidUTF8 = 4
    case nulCharacter = 5
    case invalidJSON = 6
    case tooDeep = 7
    case outOfRange = 8
    case unknownEventType = 9
    case refusedByStore = 10
    case tooMany = 11
    case invalidAttribute = 12
    case unknownAttribute = 13

    /// The name in logs, metrics, SQL and on the command line.
    public var name: String {
        switch self {
        case .unspecified: "unspecified"
        case .missingField: "missing_field"
        case .tooLong: "too_long"
        case .wrongLength: "wrong_length"
        case .invalidUTF8: "invalid_utf8"
        case .nulCharacter: "nul_character"
        case .invalidJSON: "invalid_json"
        case .tooDeep: "too_deep"
        case .outOfRange: "out_of_range"
        case .unknownEventType: "unknown_event_type"
        case .refusedByStore: "refused_by_store"
        case .tooMany: "too_many"
        case .invalidAttribute: "invalid_attribute"
        case .unknownAttribute: "unknown_attribute"
        }
    }
}

/// How safely a batch is stored. The raw value is the number in `docket.v1.Durability`.
public enum Durability: Int32, Sendable {
    /// Committed in PostgreSQL.
    case committed = 1
    /// Flushed to the collector's own spool; PostgreSQL follows.
    case spooled = 2
}

/// What an acknowledgement carries.
public struct Receipt: Sendable, Equatable {
    /// The collector's number for the batch, rising with time.
    public var batchID: Int64
    /// The Merkle root over the leaves of the accepted events: 32 bytes.
    public var root: [UInt8]
    /// How safely the batch is stored.
    public var durability: Durability
    /// When the collector received the batch.
    public var receivedAt: Timestamp
    /// The Merkle root over the leaves of all events as received: 32 bytes.
    public var contentHash: [UInt8]

    public init(batchID: Int64, root: [UInt8], durability: Durability, receivedAt: Timestamp, contentHash: [UInt8]) {
        self.batchID = batchID
        self.root = root
        self.durability = durability
        self.receivedAt = receivedAt
        self.contentHash = contentHash
    }
}
