import Logging
import Metrics
import ServiceLifecycle
import Synchronization
import UnixSignals

/// When files are read again: from time to time and at SIGHUP.
enum Reloading {
    /// Calls `reload` until graceful shutdown.
    ///
    /// - Parameter interval: how often; `nil`: at SIGHUP only.
    static func run(every interval: Duration?, _ reload: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
                    await reload()
                }
            }
            if let interval {
                group.addTask {
                    await cancelWhenGracefulShutdown {
                        while (try? await Task.sleep(for: interval)) != nil { await reload() }
                    }
                }
            }
        }
    }
}

/// Says what became of a file that is read again: in the log when that is something new, in the metrics each time.
final class FileRecord: Sendable {
    private let name: String
    private let logger: Logger
    /// What was wrong the last time; `nil`: nothing.
    private let fault = Mutex<String?>(nil)
    private let loads: Counter
    private let failures: Counter

    /// - Parameters:
    ///   - name: what the file holds, for the log.
    ///   - counter: the metric, with the label `outcome`.
    init(name: String, counter: String, logger: Logger) {
        self.name = name
        self.logger = logger
        self.loads = Counter(label: counter, dimensions: [("outcome", "loaded")])
        self.failures = Counter(label: counter, dimensions: [("outcome", "failed")])
    }

    /// - Parameter isNew: whether it holds something else than before.
    func loaded(_ file: String, isNew: Bool) {
        self.loads.increment()
        let wasFaulty = self.fault.withLock { fault in
            defer { fault = nil }
            return fault != nil
        }
        guard isNew || wasFaulty else { return }
        self.logger.info("\(self.name) loaded", metadata: ["file": "\(file)"])
    }

    func failed(_ file: String, _ error: String) {
        self.failures.increment()
        let isKnown = self.fault.withLock { fault in
            defer { fault = error }
            return fault == error
        }
        guard !isKnown else { return }
        self.logger.error(
            "the \(self.name) can't be read again; those in use stay: mend the file, then send SIGHUP",
            metadata: ["file": "\(file)", "error": "\(error)"])
    }
}
