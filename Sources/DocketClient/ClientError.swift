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
        /// An event or a batch is larger than a limit.
        case tooLarge
        /// The client has been shut down, or the waiting task cancelled; what was sent may still be stored.
        case shutDown
        /// The time allowed ran out; what was sent may still be stored.
        case timedOut
    }

    public let code: Code
    /// Names the value, the limit and the remedy.
    public let message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }

    static let cancelled = ClientError(
        code: .shutDown, message: "the waiting task was cancelled; what was sent may still be stored")
}
