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
    private let remedy: String
    private let logger: Logger
    /// What was wrong the last time; `nil`: nothing.
    private let fault = Mutex<String?>(nil)
    private let loads: Counter
    private let failures: Counter

    /// - Parameters:
    ///   - name: what the file holds, for the log.
    ///   - counter: the metric, with the label `outcome`.
    ///   - interval: how often it is read again; `nil`: at SIGHUP only.
    init(name: String, counter: String, interval: Duration?, logger: Logger) {
        self.name = name
        self.remedy =
            interval.map { "mend the file; it is read again every \($0), and at SIGHUP" }
            ?? "mend the file, then send SIGHUP"
        self.logger = logger
        self.loads = Counter(label: counter, dimensions: [("outcome", "loaded")])
        self.failures = Counter(label: counter, dimensions: [("outcome", "failed")])
    }

    /// - Parameters:
    ///   - isNew: whether it holds something else than before.
    ///   - metadata: what the log says of its content.
    func loaded(_ file: String, isNew: Bool, metadata: Logger.Metadata = [:]) {
        self.loads.increment()
        let wasFaulty = self.fault.withLock { fault in
            defer { fault = nil }
            return fault != nil
        }
        guard isNew || wasFaulty else { return }
        self.logger.info("\(self.name) loaded", metadata: metadata.merging(["file": "\(file)"]) { $1 })
    }

    func failed(_ file: String, _ error: String) {
        self.failures.increment()
        let isKnown = self.fault.withLock { fault in
            defer { fault = error }
            return fault == error
        }
        guard !isKnown else { return }
        self.logger.error(
            "the \(self.name) can't be read again; what was read before stays in use: \(self.remedy)",
            metadata: ["file": "\(file)", "error": "\(error)"])
    }
}
