package import DocketModel
package import DocketRegistry
package import DocketStore
internal import Synchronization

/// The registry that the collector goes by now: replaced as a whole, read once a batch.
package final class RegistryHolder: Sendable {
    private struct State {
        var snapshot = RegistrySnapshot.empty
        var validators = EventTypeValidators.none
        var fault: String? = "the registry has not been loaded yet"
        /// When the database last answered, or was found to be away.
        var lookedAt: ContinuousClock.Instant?
        /// When the database was last asked, and said that the snapshot is its registry.
        var confirmedAt: Timestamp?
        var isProvisional = false
        /// The uses of snapshots that are gone, and that nobody has been told of yet.
        var formerUses: [CredentialUse] = []
        /// Who waits for event types to be noted.
        var observations: [Observation] = []
        var takesObservations = true
    }

    /// Event types that a batch waits for.
    struct Observation: Sendable {
        let types: [ObservedEventType]
        /// Called once when the registry has been asked to note them, and been looked at again.
        let resume: @Sendable () -> Void
    }

    /// How long the database may take to answer: it is asked each second.
    static let maxSilence = Duration.seconds(3)
    /// How many batches may wait for their event types at once.
    private static let maxObservations = 1_000

    private let state = Mutex(State())
    private let onLoad: @Sendable (RegistryContents) -> Void

    /// - Parameter onLoad: called with what the database has, each time before it is gone by.
    package init(onLoad: @escaping @Sendable (RegistryContents) -> Void = { _ in }) { self.onLoad = onLoad }

    /// The newest snapshot that could be loaded.
    package var snapshot: RegistrySnapshot { self.state.withLock { $0.snapshot } }

    /// The newest snapshot, and what judges events by it: of one moment.
    package struct Rules: Sendable {
        package let snapshot: RegistrySnapshot
        package let validators: EventTypeValidators
        /// Whether the snapshot is one that was kept on disk, and the database hasn't been asked yet: it tells callers from
        /// strangers, but nothing is stored or shown on its word alone.
        package let isProvisional: Bool
    }

    package var rules: Rules {
        self.state.withLock {
            Rules(snapshot: $0.snapshot, validators: $0.validators, isProvisional: $0.isProvisional)
        }
    }

    /// Why the newest attempt to look at the registry failed, or that none has come to an end for long: a server that hangs fails
    /// none. `nil` when neither is so. The last good snapshot stays in use.
    package var fault: String? { self.fault(at: .now) }

    func fault(at now: ContinuousClock.Instant) -> String? {
        self.state.withLock { state in
            if let fault = state.fault { return fault }
            guard let lookedAt = state.lookedAt, now - lookedAt >= Self.maxSilence else { return nil }
            return "PostgreSQL has not answered for \((now - lookedAt).components.seconds) s"
        }
    }

    /// When the database was last asked, and said that the snapshot is its registry; `nil` as long as there is none.
    package var confirmedAt: Timestamp? { self.state.withLock { $0.confirmedAt } }

    /// Goes by a registry that was kept on disk, until the database is asked for its own.
    ///
    /// - Parameter fault: why it isn't asked now.
    package func restore(_ contents: RegistryContents, confirmedAt: Timestamp, fault: String) {
        let restored = RegistrySnapshot(contents)
        self.state.withLock { state in
            state.snapshot = restored
            state.confirmedAt = confirmedAt
            state.isProvisional = true
            state.fault = fault
        }
    }

    /// Takes note of why the database still can't be asked.
    package func note(fault: String) { self.state.withLock { $0.fault = fault } }

    /// Which credentials have been used since this was last asked, and when last.
    package func takeUses() -> [CredentialUse] {
        let uses = self.state.withLock { state in
            defer { state.formerUses = [] }
            return state.formerUses + state.snapshot.uses()
        }
        return Dictionary(uses.map { ($0.credentialID, $0) }, uniquingKeysWith: { $0.at > $1.at ? $0 : $1 })
            .values.sorted { $0.credentialID < $1.credentialID }
    }

    /// Asks for event types to be noted that a tenant uses without having registered them.
    ///
    /// - Returns: whether `resume` will be called; not when too many wait already, or nobody looks at the registry any more.
    func observe(_ types: [ObservedEventType], resume: @escaping @Sendable () -> Void) -> Bool {
        self.state.withLock { state in
            guard state.takesObservations, state.observations.count < Self.maxObservations else { return false }
            state.observations.append(Observation(types: types, resume: resume))
            return true
        }
    }

    /// What has been asked for since this was last called.
    ///
    /// - Parameter isLast: whether nothing more is to be asked for.
    func takeObservations(isLast: Bool = false) -> [Observation] {
        self.state.withLock { state in
            if isLast { state.takesObservations = false }
            defer { state.observations = [] }
            return state.observations
        }
    }

    /// Loads the registry when it has changed.
    ///
    /// - Returns: whether there is a new snapshot.
    package func refresh(from source: any RegistrySource) async throws(StoreError) -> Bool {
        do {
            // What is kept on disk may be another database's, whose numbers and keys mean nothing here.
            let known = self.state.withLock { $0.isProvisional ? nil : $0.snapshot.version }
            let asked = Timestamp.now
            guard try await source.registryVersion() != known else {
                self.state.withLock { state in
                    state.confirmedAt = asked
                    state.lookedAt = .now
                    state.fault = nil
                }
                return false
            }
            let contents = try await source.loadRegistry()
            let loaded = RegistrySnapshot(contents)
            let validators = EventTypeValidators(contents, earlier: self.rules.validators)
            self.onLoad(contents)
            self.state.withLock { state in
                if !state.isProvisional { state.formerUses += state.snapshot.uses() }
                state.snapshot = loaded
                state.validators = validators
                state.confirmedAt = asked
                state.lookedAt = .now
                state.isProvisional = false
                state.fault = nil
            }
            return true
        } catch {
            self.state.withLock { $0.fault = error.message }
            throw error
        }
    }
}

extension RegistrySnapshot {
    /// Which credentials have been used since this was last asked.
    fileprivate func uses() -> [CredentialUse] {
        self.takeUses().map { CredentialUse(credentialID: $0.credentialID, at: $0.at) }
    }
}
