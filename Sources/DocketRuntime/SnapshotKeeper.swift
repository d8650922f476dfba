import Dispatch
import DocketCollector
import DocketModel
import DocketOperations
import DocketRegistry
import Logging
import Metrics
import ServiceLifecycle
import Synchronization

/// Keeps the registry on disk as it changes, and says how old the one in use is.
final class SnapshotKeeper: Sendable {
    private struct State {
        /// The newest registry, which the payload lacks; `nil` when there is none.
        var contents: RegistryContents?
        /// The newest registry as it is written.
        var payload: [UInt8] = []
        /// What the database says that it is.
        var databaseID: String?
        var schedule: SnapshotSchedule
    }

    private let file: RegistrySnapshotFile?
    private let logger: Logger
    private let state: Mutex<State>
    /// Where writing blocks.
    private let queue = DispatchQueue(label: "docket.registry-snapshot")
    private let age = Gauge(label: "docket_registry_snapshot_age_seconds")
    private let written = Counter(label: "docket_registry_snapshot_writes_total", dimensions: [("outcome", "written")])
    private let failed = Counter(label: "docket_registry_snapshot_writes_total", dimensions: [("outcome", "failed")])

    /// - Parameter file: `nil` when nothing is kept.
    init(file: RegistrySnapshotFile?, logger: Logger) {
        self.file = file
        self.logger = logger
        self.state = Mutex(State(schedule: SnapshotSchedule(maxAgeSeconds: file?.maxAgeSeconds ?? 1)))
    }

    /// Takes a registry that is about to be gone by.
    func take(_ contents: RegistryContents) {
        guard self.file != nil else { return }
        self.state.withLock { state in
            state.contents = contents
            state.schedule.changed()
        }
    }

    /// Takes note of the database that the registries are of.
    func take(databaseID: String) { self.state.withLock { $0.databaseID = databaseID } }

    /// What the database says that it is; `nil` as long as it hasn't been asked.
    var databaseID: String? { self.state.withLock { $0.databaseID } }

    /// Does what is due.
    fileprivate func look(_ holder: RegistryHolder, isLast: Bool = false) async {
        // Before the registry is taken: a newer one that comes in between is older than its own confirmation only.
        guard let confirmedAt = holder.confirmedAt else { return }
        let microseconds = Timestamp.now.microsecondsSinceEpoch - confirmedAt.microsecondsSinceEpoch
        self.age.record(Double(max(0, microseconds)) / 1_000_000)
        guard let file = self.file, !holder.rules.isProvisional else { return }
        let isDue = self.state.withLock { $0.schedule.isDue(confirmedAt: confirmedAt, at: .now, isLast: isLast) }
        guard isDue else { return }
        let error: OperationsError? = await withCheckedContinuation { continuation in
            self.queue.async { continuation.resume(returning: self.write(file, confirmedAt)) }
        }
        (error == nil ? self.written : self.failed).increment()
        self.report(self.state.withLock { $0.schedule.ended(isWritten: error == nil, confirmedAt: confirmedAt) }, error)
    }

    private func write(_ file: RegistrySnapshotFile, _ confirmedAt: Timestamp) -> OperationsError? {
        let (contents, databaseID) = self.state.withLock { state in
            defer { state.contents = nil }
            return (state.contents, state.databaseID)
        }
        if let contents {
            let origin = RegistryFile.Origin(place: file.place, databaseID: databaseID ?? "")
            let payload = RegistryFile.payload(origin: origin, contents: contents)
            self.state.withLock { $0.payload = payload }
        }
        do throws(OperationsError) {
            try file.write(payload: self.state.withLock { $0.payload }, confirmedAt: confirmedAt)
            return nil
        } catch {
            return error
        }
    }

    private func report(_ report: SnapshotSchedule.Report?, _ error: OperationsError?) {
        switch report {
        case .failing:
            self.logger.error(
                "the registry can't be kept on disk for a start while PostgreSQL is away; this collector goes on trying",
                metadata: ["error": "\(error?.message ?? "")"])
        case .recovered: self.logger.notice("the registry is kept on disk again")
        case nil: return
        }
    }
}

/// Has a ``SnapshotKeeper`` look after a collector's registry.
struct SnapshotService: Service {
    let keeper: SnapshotKeeper
    let holder: RegistryHolder

    /// Looks until graceful shutdown, and once more then.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.keeper.look(self.holder)
                do { try await Task.sleep(for: .milliseconds(250)) } catch { return }
            }
        }
        await self.keeper.look(self.holder, isLast: true)
    }
}
