/// Why what a caller has shown proves nothing.
package struct AuthenticationError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// A certificate has no name that a credential could be for, or is past its time.
        case certificateUnusable
        /// What is shown isn't a JWT of a form that is taken.
        case tokenMalformed
        /// A JWT isn't meant for this collector, or nobody known has signed it.
        case tokenUntrusted
        /// The time of a JWT is over.
        case tokenExpired
        /// A file of keys can't be used.
        case keysUnusable
    }

    package let code: Code
    /// Names the value and the remedy; never a token.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}
