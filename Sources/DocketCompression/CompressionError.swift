/// Why bytes could not be compressed or decompressed.
package struct CompressionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The sort of fault.
    package enum Code: Sendable, Equatable {
        /// The bytes are not gzip, are damaged, or have something else behind them.
        case corrupt
        /// The bytes end before the gzip stream does.
        case truncated
        /// The decompressed bytes would exceed the caller's limit, or the input what zlib can take.
        case tooLarge
        /// zlib got no memory.
        case outOfMemory
    }

    /// The sort of fault.
    package let code: Code
    /// Names the value, the limit and the remedy.
    package let message: String

    /// An error with its message.
    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    package var description: String { self.message }
}
