/// Why bytes are not the message that they should be.
package struct MessageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The sort of fault.
    package enum Code: Sendable, Equatable {
        /// The bytes are not that protobuf message, or would take too much memory.
        case malformed
        /// The message is longer than any honest one.
        case tooLong
        /// Text is not UTF-8, or holds U+0000, which PostgreSQL can't store and so never finds.
        case invalidText
        /// A number, a time or a length is outside what the `.proto` file allows.
        case outOfRange
    }

    /// The sort of fault.
    package let code: Code
    /// The field at fault by its path in the `.proto` file, such as `filter.event_id`; empty when it is the whole
    /// message.
    package let field: String
    /// Names the value, the limit and the remedy.
    package let message: String

    /// An error with its message.
    package init(code: Code, field: String = "", message: String) {
        self.code = code
        self.field = field
        self.message = message
    }

    /// The field, where one is at fault, and the message.
    package var description: String { self.field.isEmpty ? self.message : "\(self.field): \(self.message)" }
}
