internal import DocketMessages
package import DocketRPC
package import Logging
internal import ServiceLifecycle

/// Tells ``HealthService`` whether the collector can do its work: a short absence of PostgreSQL is waited out by emitters and the
/// commit queue, a long one should send callers elsewhere.
package struct HealthReporter: Service {
    private let health: HealthService
    private let interval: Duration
    private let logger: Logger
    private let fault: @Sendable () -> String?
    private let unavailableAfter: Duration

    /// - Parameters:
    ///   - unavailableAfter: how long a fault must last before the services are NOT_SERVING.
    ///   - interval: the pause between two looks.
    ///   - fault: why the collector can't do its work now; `nil` when it can.
    package init(
        health: HealthService, unavailableAfter: Duration, interval: Duration = .milliseconds(250), logger: Logger,
        fault: @escaping @Sendable () -> String?
    ) {
        self.health = health
        self.unavailableAfter = unavailableAfter
        self.interval = interval
        self.logger = logger
        self.fault = fault
    }

    /// Looks until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var verdict = HealthVerdict(unavailableAfter: self.unavailableAfter, at: .now)
            while !Task.isCancelled {
                let fault = self.fault()
                if let isServing = verdict.look(isFaulty: fault != nil, at: .now) {
                    self.report(isServing: isServing, fault)
                }
                do { try await Task.sleep(for: self.interval) } catch { return }
            }
        }
    }

    private func report(isServing: Bool, _ fault: String?) {
        self.health.set(isServing ? .serving : .notServing, for: CollectorServer.healthNames)
        if isServing {
            self.logger.info("health: serving")
        } else {
            self.logger.warning("health: not serving", metadata: ["reason": "\(fault ?? "")"])
        }
    }
}

/// Whether a collector serves: a pure value that is fed with looks.
struct HealthVerdict {
    private let unavailableAfter: Duration
    private var lastGood: ContinuousClock.Instant
    private var isServing: Bool?

    /// - Parameter at: since when a fault counts that is there from the beginning.
    init(unavailableAfter: Duration, at now: ContinuousClock.Instant) {
        self.unavailableAfter = unavailableAfter
        self.lastGood = now
    }

    /// Takes note of a look. The new verdict, when it has changed; the first look always gives one.
    mutating func look(isFaulty: Bool, at now: ContinuousClock.Instant) -> Bool? {
        if !isFaulty { self.lastGood = now }
        let serves = now - self.lastGood < self.unavailableAfter || !isFaulty
        defer { self.isServing = serves }
        return self.isServing == serves ? nil : serves
    }
}
