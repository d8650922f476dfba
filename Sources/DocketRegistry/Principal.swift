package import DocketModel
import Synchronization

/// Who is calling, and what they may do.
package struct Principal: Sendable {
    /// Which tenants a principal covers.
    package enum Coverage: Sendable, Equatable {
        /// Every tenant there is.
        case all
        /// Those with these keys.
        case some(Set<Int32>)

        /// Whether the tenant of that key is covered.
        package func contains(_ id: Int32) -> Bool {
            switch self {
            case .all: true
            case .some(let ids): ids.contains(id)
            }
        }
    }

    /// The credential's key in the store.
    package let id: Int32
    /// The tenants that it covers.
    package let coverage: Coverage
    /// What it may do.
    package let scopes: CredentialScopes
    /// From when on the credential is no longer good; `nil`: never by itself.
    package let expiresAt: Timestamp?
    /// When it was last used.
    let lastUse = LastUse()

    /// Whether the credential is still good.
    package func isValid(at now: Timestamp) -> Bool { self.expiresAt.map { now < $0 } ?? true }
}

/// When a credential was last used: written by whoever lets it in, without a lock.
final class LastUse: Sendable {
    private let microseconds = Atomic<Int64>(0)

    func note(_ now: Timestamp) { self.microseconds.store(now.microsecondsSinceEpoch, ordering: .relaxed) }

    /// The last time since this was last asked; `nil` when there was none.
    func take() -> Timestamp? {
        let last = self.microseconds.exchange(0, ordering: .relaxed)
        return last == 0 ? nil : Timestamp(microsecondsSinceEpoch: last)
    }
}
