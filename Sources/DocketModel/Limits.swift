/// What one event and one batch may hold. Each limit carries its unit in its name and is checked at start-up against
/// hard bounds, which follow from PostgreSQL and gRPC and can't be configured away.
public struct Limits: Sendable, Equatable {
    /// The longest text field that an index covers, in bytes. A btree entry must stay under 2,704 bytes.
    public var maxIndexedFieldBytes = 512
    /// The longest `reason`, in bytes.
    public var maxReasonBytes = 8 * 1024
    /// The longest `attributes`, `obligations` and `evaluated_rules`, each, in bytes.
    public var maxAttributesBytes = 64 * 1024
    /// How deep the JSON fields may nest, in levels.
    public var maxAttributesDepth = 32
    /// The longest delegation chain, in actors.
    public var maxDelegationActors = 16
    /// The longest event type name, in bytes.
    public var maxTypeBytes = 128
    /// The largest publish request, in bytes after decompression.
    public var maxBatchBytes = 4 * 1024 * 1024
    /// The most events in one batch.
    public var maxBatchEvents = 10_000

    public init() {}

    /// The hard bounds of each limit.
    public static var bounds: [(name: String, path: WritableKeyPath<Limits, Int>, range: ClosedRange<Int>)] {
        [
            ("max_indexed_field_bytes", \.maxIndexedFieldBytes, 16...2048),
            ("max_reason_bytes", \.maxReasonBytes, 16...(1024 * 1024)),
            ("max_attributes_bytes", \.maxAttributesBytes, 16...(4 * 1024 * 1024)),
            ("max_attributes_depth", \.maxAttributesDepth, 1...256),
            ("max_delegation_actors", \.maxDelegationActors, 1...64),
            ("max_type_bytes", \.maxTypeBytes, 16...255),
            ("max_batch_bytes", \.maxBatchBytes, 1024...(64 * 1024 * 1024)),
            ("max_batch_events", \.maxBatchEvents, 1...100_000),
        ]
    }

    /// Throws a ``ModelError`` that names the first limit outside its hard bounds.
    public func validate() throws(ModelError) {
        for bound in Self.bounds {
            let value = self[keyPath: bound.path]
            guard bound.range.contains(value) else {
                throw ModelError(
                    code: .limitOutOfBounds,
                    message:
                        "\(bound.name) is \(value); it must be from \(bound.range.lowerBound) to \(bound.range.upperBound)"
                )
            }
        }
    }
}

/// An error of the model: a value that can't be what it claims.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// A configured limit lies outside its hard bounds.
        case limitOutOfBounds
        /// Text that is not what its place demands.
        case invalidText
        /// Text that is not JSON, or not the JSON that Docket takes.
        case invalidJSON
        /// Text that could still become JSON if it didn't end where it does.
        case incompleteJSON
        /// A field of an event, or a member of an export's manifest, that is missing, unknown, of the wrong kind or
        /// outside a limit.
        case invalidField
    }

    public let code: Code
    /// Names the value, the limit and the remedy.
    public let message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }
}
