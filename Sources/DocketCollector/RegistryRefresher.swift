internal import DocketRegistry
package import DocketStore
package import Logging
internal import Metrics
internal import ServiceLifecycle

/// Keeps a ``RegistryHolder`` up to date: what an administrator changes counts within a second.
package struct RegistryRefresher: Service {
    private let holder: RegistryHolder
    private let source: any RegistrySource
    private let quotas: QuotaKeeper
    private let logger: Logger

    package init(
        holder: RegistryHolder, source: any RegistrySource, quotas: QuotaKeeper, logger: Logger
    ) {
        self.holder = holder
        self.source = source
        self.quotas = quotas
        self.logger = logger
    }

    /// Looks until graceful shutdown.
    package func run() async throws {
        let gauge = Gauge(label: "docket_registry_version")
        gauge.record(self.holder.snapshot.version)
        await cancelWhenGracefulShutdown {
            var usesNotedAt = ContinuousClock.now
            while !Task.isCancelled {
                await self.look(gauge)
                if usesNotedAt.duration(to: .now) > Self.usesInterval {
                    usesNotedAt = .now
                    await self.noteUses()
                }
                do throws(StoreError) {
                    try await self.source.registryChanges()
                } catch {
                    // The next look says what is wrong.
                    do { try await Task.sleep(for: .milliseconds(250)) } catch { return }
                }
                await self.observe(self.holder.takeObservations(), gauge)
                await self.quotas.look(self.holder.snapshot)
            }
        }
        for observation in self.holder.takeObservations(isLast: true) { observation.resume() }
        await self.quotas.end(self.holder.snapshot)
        await self.noteUses()
    }

    /// How often it is noted which credentials have been used.
    private static let usesInterval = Duration.seconds(30)

    private func noteUses() async {
        let uses = self.holder.takeUses()
        guard !uses.isEmpty else { return }
        do throws(StoreError) {
            try await self.source.noteUses(uses)
        } catch {
            self.logger.debug("the uses of credentials can't be noted", metadata: ["error": "\(error)"])
        }
    }

    /// Has event types noted, and lets the batches go on that wait for them.
    private func observe(_ observations: [RegistryHolder.Observation], _ gauge: Gauge) async {
        guard !observations.isEmpty else { return }
        do throws(StoreError) {
            try await self.source.observeEventTypes(Array(Set(observations.flatMap(\.types))))
            await self.look(gauge)
        } catch {
            self.logger.warning("event types can't be noted", metadata: ["error": "\(error)"])
        }
        for observation in observations { observation.resume() }
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
            for (id, fault) in self.holder.rules.validators.faults {
                self.logger.error(
                    "a definition can't be read, so events of its types are not judged by it",
                    metadata: ["definition_id": "\(id)", "fault": "\(fault)"])
            }
        } catch {
            // Said once an episode; the readiness page goes on saying it.
            guard !wasFaulty else { return }
            self.logger.warning(
                "the registry can't be read; the last good one stays in use", metadata: ["error": "\(error)"])
        }
    }
}
