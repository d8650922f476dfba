import DocketModel
import DocketRegistry
import DocketStore
import Synchronization
import Testing

@testable import DocketCollector

@Suite("The registry that a collector goes by")
struct RegistryHolderTests {
    /// A database's registry, which can go away.
    private final class Source: RegistrySource {
        let contents: Mutex<RegistryContents?>
        let loads = Atomic<Int>(0)

        init(_ contents: RegistryContents?) { self.contents = Mutex(contents) }

        func set(_ contents: RegistryContents?) { self.contents.withLock { $0 = contents } }

        func loadRegistry() async throws(StoreError) -> RegistryContents {
            self.loads.add(1, ordering: .relaxed)
            return try self.stored()
        }

        func registryVersion() async throws(StoreError) -> Int64 { try self.stored().version }

        private func stored() throws(StoreError) -> RegistryContents {
            guard let contents = self.contents.withLock({ $0 }) else {
                throw StoreError(code: .unavailable, message: "away")
            }
            return contents
        }

        func registryChanges() async throws(StoreError) {}
        func observeEventTypes(_ types: [ObservedEventType]) async throws(StoreError) {}
        func noteUses(_ uses: [CredentialUse]) async throws(StoreError) {}
        func exchangeUsage(_ usage: [Int32: Int64], day: Int64) async throws(StoreError) -> TenantUsage {
            TenantUsage(bytesOfDay: [:], collectorCount: 1)
        }
    }

    private let early = Timestamp(microsecondsSinceEpoch: 1_000_000)

    private func contents(version: Int64, slug: String) -> RegistryContents {
        RegistryContents(
            version: version, tenants: [.init(id: 1, slug: slug)], credentials: [], eventTypes: [])
    }

    @Test("is provisional when it comes from disk, with the time of its confirmation and the fault")
    func restored() {
        let holder = RegistryHolder()
        #expect(holder.confirmedAt == nil)
        holder.restore(self.contents(version: 4, slug: "kept"), confirmedAt: self.early, fault: "away")
        #expect(holder.rules.isProvisional && holder.snapshot.version == 4)
        #expect(holder.confirmedAt == self.early)
        #expect(holder.fault == "away")
        holder.note(fault: "still away")
        #expect(holder.fault == "still away")
    }

    @Test("from disk gives way to the database's, even to one of the same version")
    func replaced() async throws {
        let loaded = Mutex<[RegistryContents]>([])
        let holder = RegistryHolder(onLoad: { contents in loaded.withLock { $0.append(contents) } })
        holder.restore(self.contents(version: 4, slug: "kept"), confirmedAt: self.early, fault: "away")
        let found = self.contents(version: 4, slug: "found")
        let source = Source(found)
        #expect(try await holder.refresh(from: source))
        #expect(!holder.rules.isProvisional && holder.fault == nil)
        #expect(try #require(holder.confirmedAt) > self.early)
        #expect(loaded.withLock { $0 } == [found])
        #expect(try await !holder.refresh(from: source))
        #expect(source.loads.load(ordering: .relaxed) == 1)
    }

    @Test("from disk stays provisional as long as the database is away")
    func stays() async {
        let holder = RegistryHolder()
        holder.restore(self.contents(version: 4, slug: "kept"), confirmedAt: self.early, fault: "away")
        await #expect(throws: StoreError.self) { try await holder.refresh(from: Source(nil)) }
        #expect(holder.rules.isProvisional)
        #expect(holder.confirmedAt == self.early)
    }

    @Test("is at fault when no look has come to an end for seconds, until one does")
    func silence() async throws {
        let holder = RegistryHolder()
        let source = Source(self.contents(version: 1, slug: "a"))
        let (before, silence) = (ContinuousClock.now, RegistryHolder.maxSilence)
        for _ in 1...2 {
            _ = try await holder.refresh(from: source)
            let after = ContinuousClock.now
            #expect(holder.fault(at: before + silence - .milliseconds(1)) == nil)
            #expect(holder.fault(at: after + silence) == "PostgreSQL has not answered for 3 s")
        }
        source.set(nil)
        await #expect(throws: StoreError.self) { try await holder.refresh(from: source) }
        #expect(holder.fault(at: .now + silence) == "away")
    }

    @Test("is confirmed by each look that finds it unchanged, and by none that fails")
    func confirmed() async throws {
        let holder = RegistryHolder()
        let source = Source(self.contents(version: 1, slug: "a"))
        _ = try await holder.refresh(from: source)
        let first = try #require(holder.confirmedAt)
        _ = try await holder.refresh(from: source)
        let second = try #require(holder.confirmedAt)
        #expect(second > first)
        source.set(nil)
        await #expect(throws: StoreError.self) { try await holder.refresh(from: source) }
        #expect(holder.confirmedAt == second)
        #expect(!holder.rules.isProvisional && holder.fault == "away")
    }
}
