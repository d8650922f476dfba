/// Why attributes couldn't be made, or definitions not be written.
public struct EventsError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Equatable, CaseIterable {
        /// A value can't be encoded as JSON.
        case notEncodable
        /// A value becomes JSON, but no object.
        case notAnObject
        /// Two definitions have one name, or a name can't be that of a file.
        case unusableName
        /// A file can't be written.
        case notWritable
    }

    public let code: Code
    /// Names the value, what is wrong with it and the remedy.
    public let message: String
    /// The error behind it.
    public let cause: (any Error)?

    init(code: Code, message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { self.message }
}
