/// Why PostgreSQL, or the way to it, did not do what it was asked. Never holds a password.
package struct PostgresError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// The connection string can't be read.
        case invalidSettings
        /// No connection could be made.
        case connectFailed
        /// The connection ended. Whether a statement that was under way took effect is unknown.
        case connectionLost
        /// The server answered with an error; ``PostgresError/sqlstate`` says which.
        case statementFailed
        /// The server answered with something that this version can't read.
        case unexpectedAnswer
        /// The installation is not one that Docket may work with: the role is too mighty, a privilege is missing, the
        /// encoding is not UTF8, the schema is too old or too new.
        case unfit
        /// A migration was changed after it had been applied, or can't be applied.
        case migration
        /// Too much waits already.
        case overloaded
        /// The pool is closed.
        case closed
        /// What was asked for breaks a rule of Docket's, or names something that doesn't exist.
        case refused
        /// The node number that batches are numbered under isn't held any more.
        case leaseLost
    }

    package let code: Code
    /// Names the value, the limit and the remedy.
    package let message: String
    /// The server's five-character error code (PostgreSQL, appendix A), when it answered with an error. `25006` with
    /// ``Code/connectFailed``: the role may only read, where another one is needed.
    package let sqlstate: SQLState?
    /// The constraint that was violated, when one was.
    package let constraint: String?
    package let cause: (any Error)?

    package init(
        code: Code, message: String, sqlstate: SQLState? = nil, constraint: String? = nil, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.sqlstate = sqlstate
        self.constraint = constraint
        self.cause = cause
    }

    /// The same, with the code that the server refused the connection with.
    func refused(_ sqlstate: SQLState?) -> PostgresError {
        PostgresError(code: self.code, message: self.message, sqlstate: sqlstate, cause: self.cause)
    }

    /// Whether PostgreSQL, or the way to it, is merely away, so that the same succeeds later without anything being mended. One
    /// that answers, but doesn't let this role in, isn't away.
    package var isAbsence: Bool {
        switch self.code {
        case .connectFailed: self.sqlstate.map { !Self.lastingRefusals.contains($0.classCode) } ?? true
        case .connectionLost: true
        case .statementFailed: [.reconnect, .retry, .unavailable].contains(FailureTreatment.of(self))
        default: false
        }
    }

    /// Classes of what a server refuses connections with: invalid authorization, no such database, no privilege.
    private static let lastingRefusals: Set = ["28", "3D", "42"]

    package var description: String {
        guard let sqlstate = self.sqlstate else { return self.message }
        return "\(self.message) (SQLSTATE \(sqlstate.text))"
    }
}
