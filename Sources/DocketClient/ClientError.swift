public import DocketModel

/// Why something could not be published.
public struct ClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The sort of failure.
    public enum Code: Sendable, Equatable {
        /// The configuration can't work; the message names the setting.
        case invalidConfiguration
        /// The collector can't be reached, is overloaded, or the connection broke.
        case unavailable
        /// The collector doesn't accept the credential, or it may not write to the tenant.
        case unauthorized
        /// The collector refused the batch for good; nothing of it is stored.
        case refused
        /// The collector rejected the event, which is in quarantine; ``ClientError/rejection`` says why.
        case rejected
        /// An event or a batch is larger than a limit.
        case tooLarge
        /// There is no room: the queue, or the journal, is full. Nothing of the event is kept.
        case queueFull
        /// The event was given up for newer ones (``AuditClient/OverflowPolicy/dropOldest``).
        case evicted
        /// The journal can't be used, or couldn't keep the event.
        case journal
        /// The client has been shut down, or the waiting task cancelled; what was sent may still be stored.
        case shutDown
        /// The time allowed ran out; what was sent may still be stored.
        case timedOut
    }

    public let code: Code
    /// Names the value, the limit and the remedy.
    public let message: String
    /// Of an event that was rejected: its index in its batch, the field at fault, the sort of fault, and the remedy.
    public let rejection: Rejection?
    /// Whether the batch had been sent, and its answer never came: it may be stored all the same.
    let leavesDoubt: Bool

    public init(code: Code, message: String) {
        self.init(code: code, message: message, rejection: nil, leavesDoubt: false)
    }

    private init(code: Code, message: String, rejection: Rejection?, leavesDoubt: Bool) {
        self.code = code
        self.message = message
        self.rejection = rejection
        self.leavesDoubt = leavesDoubt
    }

    init(_ rejection: Rejection) {
        self.init(
            code: .rejected, message: "the event was rejected: \(rejection.field): \(rejection.reason)",
            rejection: rejection, leavesDoubt: false)
    }

    public var description: String { self.message }

    /// The same error of a batch that may be stored all the same.
    var leavingDoubt: ClientError {
        ClientError(code: self.code, message: self.message, rejection: self.rejection, leavesDoubt: true)
    }

    static let cancelled = ClientError(
        code: .shutDown, message: "the waiting task was cancelled; what was sent may still be stored")
    static let queueFull = ClientError(
        code: .queueFull, message: "the queue is full; raise maxQueueBytes, or emit less")
    static let shutDown = ClientError(code: .shutDown, message: "the client has been shut down")
}
