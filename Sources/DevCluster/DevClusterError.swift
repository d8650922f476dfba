/// Why a private cluster could not be made, started or stopped.
package struct DevClusterError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// PostgreSQL's programs are not installed where they were looked for.
        case noPrograms
        /// The programs are there, but another system user is needed to run them.
        case noSystemUser
        /// A folder can't be made, owned or reached.
        case folder
        /// One of PostgreSQL's programs failed.
        case programFailed
    }

    package let code: Code
    /// Names the value and the remedy.
    package let message: String
    package let cause: (any Error)?

    package init(code: Code, message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { self.message }
}
