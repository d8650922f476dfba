/// Why a journal can't do what it was asked for.
package struct JournalError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// An option is outside of its bounds.
        case invalidOptions
        /// Another process, or another journal of this one, owns the directory.
        case inUse
        /// The directory may not be used, or isn't there.
        case unusableDirectory
        /// The files were written by another version of the format.
        case unsupported
        /// Bytes that had been synced are gone or altered.
        case damaged
        /// The record is larger than a record may be.
        case tooLarge
        /// The journal has reached its size.
        case full
        /// Too much waits to be written.
        case overloaded
        /// The system refused a read, a write or a sync; ``cause`` says what.
        case failed
        /// The journal has been closed.
        case closed
    }

    package let code: Code
    /// Names the value, the limit and the remedy.
    package let message: String
    /// What the system said.
    package let cause: SystemFailure?
    /// Where the fault is, of what is damaged.
    package let place: JournalPlace?

    package init(code: Code, message: String, cause: SystemFailure? = nil, place: JournalPlace? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
        self.place = place
    }

    package var description: String { self.message }
}

/// A place in a journal.
package struct JournalPlace: Sendable, Equatable {
    /// The segment's number.
    package let segment: UInt64
    /// The offset in its file.
    package let offset: Int
    /// The last index that the segment can hold: reading can go on behind it.
    package let lastIndex: UInt64
}

/// A call of the system that failed.
package struct SystemFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, such as `write`.
    package let operation: String
    /// The file's name, or the directory's path.
    package let file: String
    /// The number of the error (`errno`).
    package let errorNumber: Int32

    package init(operation: String, file: String, errorNumber: Int32) {
        self.operation = operation
        self.file = file
        self.errorNumber = errorNumber
    }

    package var description: String {
        "\(self.operation) of '\(self.file)' failed: \(systemErrorText(self.errorNumber))"
    }

    /// The error that an operation on a journal ends with.
    func error(_ what: String) -> JournalError {
        let remedy =
            switch self.kind {
            case .noSpace: "; free space on its file system"
            case .refused: "; its directory must belong to this process's user, with mode 0700"
            case .other: ""
            }
        return JournalError(code: .failed, message: "\(what): \(self)\(remedy)", cause: self)
    }
}
