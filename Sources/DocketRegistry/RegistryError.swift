/// Why a caller may not do something, or a registry can't be used.
package struct RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// The credential lacks a scope.
        case scopeMissing
        /// The credential covers several tenants (or none), and the request names none.
        case tenantAmbiguous
        /// The tenant is unknown, or the credential doesn't cover it.
        case tenantNotCovered
        /// The tenant is suspended: nothing is written or read.
        case tenantSuspended
        /// The tenant is being closed: nothing is written any more.
        case tenantClosing
        /// A token isn't of the form that ``AccessToken`` documents.
        case malformedToken
        /// A ``RegistryFile`` can't be read.
        case unusableFile
        /// A name in a certificate or a JWT isn't of the form that it must have.
        case malformedIdentity
    }

    package let code: Code
    /// Names the value and the remedy.
    package let message: String

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}
