package import DocketRegistry
package import DocketStore
package import Logging
internal import Metrics
internal import ServiceLifecycle
internal import Synchronization

/// The registry that the collector goes by now: replaced as a whole, read once a batch.
package final class RegistryHolder: Sendable {
    private struct State {
        var snapshot = RegistrySnapshot.empty
        var fault: String? = "the registry has not been loaded yet"
    }

    private let state = Mutex(State())

    package init() {}

    /// The newest snapshot that could be loaded.
    package var snapshot: RegistrySnapshot { self.state.withLock { $0.snapshot } }

    /// Why the newest attempt to look at the registry failed; `nil` when it didn't. The last good snapshot stays in use.
    package var fault: String? { self.state.withLock { $0.fault } }

    /// Loads the registry when it has changed.
    ///
    /// - Returns: whether there is a new snapshot.
    package func refresh(from source: any RegistrySource) async throws(StoreError) -> Bool {
        do {
            let known = self.snapshot.version
            guard try await source.registryVersion() != known else {
                self.state.withLock { $0.fault = nil }
                return false
            }
            let loaded = RegistrySnapshot(try await source.loadRegistry())
            self.state.withLock { state in
                state.snapshot = loaded
                state.fault = nil
            }
            return true
        } catch {
            self.state.withLock { $0.fault = error.message }
            throw error
        }
    }
}

/// Keeps a ``RegistryHolder`` up to date: what an administrator changes counts within a second.
package struct RegistryRefresher: Service {
    private let holder: RegistryHolder
    private let source: any RegistrySource
    private let interval: Duration
    private let logger: Logger

    /// - Parameter interval: the pause between two looks at the registry's version.
    package init(
        holder: RegistryHolder, source: any RegistrySource, interval: Duration = .milliseconds(500), logger: Logger
    ) {
        self.holder = holder
        self.source = source
        self.interval = interval
        self.logger = logger
    }

    /// Looks until graceful shutdown.
    package func run() async throws {
        let gauge = Gauge(label: "docket_registry_version")
        gauge.record(self.holder.snapshot.version)
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.look(gauge)
                do { try await Task.sleep(for: self.interval) } catch { return }
            }
        }
    }

    private func look(_ gauge: Gauge) async {
        let wasFaulty = self.holder.fault != nil
        do {
            let isNew = try await self.holder.refresh(from: self.source)
            guard isNew || wasFaulty else { return }
            let snapshot = self.holder.snapshot
            gauge.record(snapshot.version)
            let summary = snapshot.summary
            self.logger.info(
                "registry loaded",
                metadata: [
                    "version": "\(snapshot.version)", "tenants": "\(summary.tenants)",
                    "credentials": "\(summary.credentials)", "event_types": "\(summary.eventTypes)",
                ])
        } catch {
            // Said once an episode; the readiness page goes on saying it.
            guard !wasFaulty else { return }
            self.logger.warning(
                "the registry can't be read; the last good one stays in use", metadata: ["error": "\(error)"])
        }
    }
}
