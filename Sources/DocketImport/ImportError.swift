package import DocketModel

/// Why a record of a file didn't become an event.
package struct ImportError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// The file ends inside the record.
        case cutOff
        /// The record is longer than the importer holds.
        case tooLong
        /// The record breaks the rules of its file format.
        case malformed
        /// A field of the record is missing, can't be mapped, or would make an event that the limits refuse.
        case invalidField
    }

    package let code: Code
    /// The line of the file that the record starts on, from 1.
    package let line: Int
    /// Names the field, the value and the remedy.
    package let message: String

    package init(code: Code, line: Int, message: String) {
        self.code = code
        self.line = line
        self.message = message
    }

    package var description: String { "line \(self.line): \(self.message)" }
}

/// One record of a file: the event that it became, or why it became none.
package struct ImportedRecord: Sendable, Equatable {
    /// The line of the file that the record starts on, from 1.
    package let line: Int
    package let result: Result<Event, ImportError>

    package init(line: Int, result: Result<Event, ImportError>) {
        self.line = line
        self.result = result
    }
}
