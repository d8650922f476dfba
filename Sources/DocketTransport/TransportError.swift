/// The error of this room: what can go wrong with listening, connecting and TLS set-up.
///
/// What goes wrong with a call is a `GRPCStatus`; what a peer does wrong costs its connection and is no error here.
package struct TransportError: Error, Sendable, CustomStringConvertible {
    /// What kind of thing went wrong.
    package enum Code: Sendable, Hashable {
        /// A setting is out of its bounds.
        case configuration
        /// A certificate, key or trust file can't be used.
        case tls
        /// The address can't be listened on.
        case bind
        /// No connection came about: refused, unreachable, timed out, or the peer isn't what it should be.
        case connect
        /// Too late: the thing has been shut down.
        case closed
    }

    package var code: Code
    /// Names the value, the limit and the remedy.
    package var message: String
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        self.cause.map { "\(self.message) (\($0))" } ?? self.message
    }
}
