internal import DocketModel
internal import DocketRegistry
internal import Synchronization

/// The names of the event types that tenants use, by their keys, for as long as the registry stays the same.
final class TypeNames: Sendable {
    private let registry: RegistryHolder
    private let known = Mutex<(version: Int64, names: [Int32: [Int32: String]])>((-1, [:]))

    init(_ registry: RegistryHolder) { self.registry = registry }

    func of(tenantID: Int32) -> [Int32: String] {
        let snapshot = self.registry.snapshot
        return self.known.withLock { known in
            if known.version != snapshot.version { known = (snapshot.version, [:]) }
            if let names = known.names[tenantID] { return names }
            let names = snapshot.eventTypes(ofTenant: tenantID).namesByID
            known.names[tenantID] = names
            return names
        }
    }
}
