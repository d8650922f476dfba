import DocketCollector
import DocketModel
import DocketOperations
import DocketPostgres
import DocketRegistry
import DocketStore
import Logging
import ServiceLifecycle
import Synchronization

/// Opens the database, at the start or as soon as it is back, and keeps it open until graceful shutdown.
///
/// Opening goes in this order: the database is checked; its registry replaces what a file may have given; and then the node lease is
/// taken, without which no batch is numbered. So nothing is stored that the database's own registry doesn't allow.
final class DatabaseService: Service {
    private struct State {
        var lease: NodeLease?
        /// What the registry on disk is of that is served by while the database is away.
        var origin: RegistryFile.Origin?
        var plan = OpeningPlan()
        /// The pause before the next attempt.
        var wait = Duration.zero
    }

    private let database: Database
    private let registry: RegistryHolder
    private let batchIDs: BatchIDSource
    private let keeper: SnapshotKeeper
    private let file: RegistrySnapshotFile?
    private let logger: Logger
    private let state = Mutex(State())
    /// Given once the database is open.
    let opened = Signal()

    init(
        database: Database, registry: RegistryHolder, batchIDs: BatchIDSource, keeper: SnapshotKeeper,
        file: RegistrySnapshotFile?, logger: Logger
    ) {
        self.database = database
        self.registry = registry
        self.batchIDs = batchIDs
        self.keeper = keeper
        self.file = file
        self.logger = logger
    }

    /// Opens the database; while it is away, goes by the registry on disk.
    ///
    /// - Throws: ``PostgresError`` or ``StoreError``, when the database can't be opened and there is no registry on disk to serve by.
    func start() async throws {
        do {
            try await self.open()
        } catch {
            let isAbsence = Self.isAbsence(error)
            guard isAbsence, let file = self.file, let snapshot = self.read(file),
                case .wait(let pause) = self.state.withLock({ $0.plan.failed(isAbsence: isAbsence, hasSnapshot: true) })
            else { throw error }
            self.state.withLock { ($0.origin, $0.wait) = (snapshot.origin, pause) }
            self.registry.restore(
                snapshot.contents, confirmedAt: snapshot.confirmedAt, fault: Self.fault(error))
            let summary = self.registry.snapshot.summary
            self.logger.warning(
                "PostgreSQL is away: callers are known by the registry on disk, and asked to come back",
                metadata: [
                    "file": "\(file.path)", "confirmed_at": "\(snapshot.confirmedAt)",
                    "version": "\(snapshot.contents.version)", "tenants": "\(summary.tenants)",
                    "credentials": "\(summary.credentials)", "error": "\(error)",
                ])
        }
    }

    /// Opens the database unless it is open, keeps the lease, and closes the database in the end.
    ///
    /// - Throws: what the database is at fault with, other than being away; the lease's loss.
    func run() async throws {
        try await cancelWhenGracefulShutdown { try await self.waitUntilOpen() }
        guard let lease = self.state.withLock({ $0.lease }) else { return await self.database.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await lease.keep() }
            group.addTask { try? await gracefulShutdown() }
            // Either the shutdown comes, or the lease is lost, which is an error.
            try await group.next()
            await self.database.store.drain()
            group.cancelAll()
            try await group.waitForAll()
        }
        await self.database.close()
    }

    private func waitUntilOpen() async throws {
        let began = ContinuousClock.now
        while let origin = self.state.withLock({ $0.lease == nil ? $0.origin : nil }) {
            do { try await Task.sleep(for: self.state.withLock { $0.wait }) } catch { return }
            do {
                try await self.open()
                self.compare(origin)
                self.logger.notice(
                    "PostgreSQL is back: its registry is in force, and batches are taken",
                    metadata: [
                        "waited": "\(ContinuousClock.now - began)", "version": "\(self.registry.snapshot.version)",
                    ])
            } catch {
                let isFresh = self.registry.confirmedAt.map { self.file?.isFresh($0, at: .now) == true } ?? false
                let isAbsence = Self.isAbsence(error)
                let action = self.state.withLock { $0.plan.failed(isAbsence: isAbsence, hasSnapshot: isFresh) }
                guard case .wait(let pause) = action else { throw error }
                self.state.withLock { $0.wait = pause }
                self.registry.note(fault: Self.fault(error))
            }
        }
    }

    private func open() async throws {
        let databaseID = try await self.database.check()
        self.keeper.take(databaseID: databaseID)
        _ = try await self.registry.refresh(from: self.database.registry)
        let lease = try await self.database.lease()
        self.state.withLock { $0.lease = lease }
        self.batchIDs.begin(node: lease.node, isLeaseValid: { lease.isValid })
        self.opened.give()
    }

    private func read(_ file: RegistrySnapshotFile) -> RegistryFile? {
        do throws(OperationsError) {
            return try file.read(at: .now)
        } catch {
            self.logger.error("\(error.message)")
            return nil
        }
    }

    /// Says when what was served by was another database's: at the same place, but not the one that is there.
    private func compare(_ origin: RegistryFile.Origin) {
        guard let found = self.keeper.databaseID, found != origin.databaseID else { return }
        self.logger.warning(
            "the registry on disk was of another database than the one that is there; nothing was stored or shown by it",
            metadata: ["snapshot": "\(origin.databaseID)", "database": "\(found)"])
    }

    private static func fault(_ error: any Error) -> String { "PostgreSQL is away, and was so at the start: \(error)" }

    /// Whether an error says that the database is away, and nothing worse.
    private static func isAbsence(_ error: any Error) -> Bool {
        let underlying = (error as? StoreError)?.cause ?? error
        return (underlying as? PostgresError)?.isAbsence ?? false
    }
}
