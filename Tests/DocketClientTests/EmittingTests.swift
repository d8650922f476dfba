import DocketCodec
import DocketGRPC
import DocketMessages
import DocketModel
import DocketTestSupport
import DocketTransport
import Synchronization
import Testing

@testable import DocketClient

@Suite("The ways to emit", .timeLimit(.minutes(1)))
struct EmittingTests {
    /// A queue for about eight events of 1 KiB, in batches of two.
    private func small(_ policy: AuditClient.OverflowPolicy) -> (inout AuditClient.Configuration) -> Void {
        { configuration in
            configuration.maxBatchEvents = 2
            configuration.maxBatchBytes = 4096
            configuration.maxQueueBytes = 9000
            configuration.maxInFlightBatches = 1
            configuration.overflowPolicy = policy
            configuration.reportsDrops = false
        }
    }

    @Test("emitAndWait returns the receipt, and doesn't wait for others to fill the batch")
    func receipt() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            let client = try collector.client { $0.lingerMilliseconds = 60_000 }
            let receipt = try await client.emitAndWait(.numbered())
            #expect(receipt == FakeCollector.verdict().receipt)
            #expect(client.statistics.committedCount == 1)
            await client.shutdown()
        }
    }

    @Test("whoever comes after the shutdown is told, and only what nobody is told of counts as dropped")
    func afterShutdown() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            let client = try collector.client()
            await client.shutdown()
            let error = await #expect(throws: ClientError.self) { try await client.emitAndWait(.numbered()) }
            #expect(error?.code == .shutDown)
            #expect(client.offer(.numbered())?.code == .shutDown)
            #expect(client.droppedCount == 0)
            client.emit(.numbered())
            #expect(client.statistics.droppedCounts == [.shutDown: 1])
            expectSum(client.statistics)
        }
    }

    @Test("those who wait at the same time share batches")
    func sharing() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            let client = try collector.client { $0.lingerMilliseconds = 60_000 }
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask { _ = try? await client.emitAndWait(.numbered(UInt64(number))) }
                }
            }
            #expect(client.statistics.committedCount == 200)
            #expect(collector.sequences.count < 150)
            await client.shutdown()
        }
    }

    @Test("emitAndWait throws what the event was rejected for, to the one whose event it is")
    func rejection() async throws {
        let rejection = Rejection(index: 1, field: "type", code: .unknownEventType, reason: "unknown")
        try await FakeCollector.run { sequence, call in
            call.send(
                encodePublishResponse(sequence: sequence, verdict: FakeCollector.verdict(rejections: [rejection])))
        } _: { collector in
            let client = try collector.client {
                $0.maxBatchEvents = 2
                $0.lingerMilliseconds = 60_000
            }
            client.emit(.numbered(1))
            let error = await #expect(throws: ClientError.self) { try await client.emitAndWait(.numbered(2)) }
            #expect(error?.code == .rejected)
            #expect(error?.rejection == rejection)
            #expect(client.statistics.rejectedCount == 1)
            #expect(client.statistics.committedCount == 1)
            expectSum(client.statistics)
            await client.shutdown()
        }
    }

    @Test("emitAndWait ends at its timeout and at its task's cancellation, and the event goes on")
    func endsWaiting() async throws {
        try await FakeCollector.run(answer: { _, _ in }) { collector in
            let client = try collector.client()
            let late = await #expect(throws: ClientError.self) {
                try await client.emitAndWait(.numbered(), timeout: .milliseconds(1))
            }
            #expect(late?.code == .timedOut)
            let task = Task { try await client.emitAndWait(.numbered()) }
            task.cancel()
            let cancelled = await #expect(throws: ClientError.self) { try await task.value }
            #expect(cancelled == .cancelled)
            await until { client.statistics.queuedCount == 2 }
            await client.shutdown(timeout: .zero)
            expectSum(client.statistics)
            #expect(client.statistics.droppedCount == 2)
        }
    }

    @Test("without room, the newest event is dropped, and those who wait for it are told")
    func dropNewest() async throws {
        try await FakeCollector.run(answer: { _, _ in }) { collector in
            let client = try collector.client(adjust: self.small(.dropNewest))
            for number in 0..<20 { client.emit(.numbered(UInt64(number), reasonBytes: 1000)) }
            let error = await #expect(throws: ClientError.self) {
                try await client.emitAndWait(.numbered(99, reasonBytes: 1000))
            }
            #expect(error?.code == .queueFull)
            #expect(client.statistics.droppedCounts == [.queueFull: 13])
            #expect(client.statistics.queuedCount == 8)
            expectSum(client.statistics)
            await client.shutdown(timeout: .zero)
            expectSum(client.statistics)
            #expect(client.statistics.queuedCount == 0)
        }
    }

    @Test("without room, the oldest batches are given up that were never sent")
    func dropOldest() async throws {
        let held = Mutex<[HeldBatch]>([])
        try await FakeCollector.run { sequence, call in
            let reference = call.reference
            held.withLock { $0.append(.init(sequence: sequence, call: reference)) }
        } _: { collector in
            let client = try collector.client(adjust: self.small(.dropOldest))
            for number in 0..<2 { client.emit(.numbered(UInt64(number), reasonBytes: 1000)) }
            await collector.waitFor(.received(sequence: 0))
            for number in 2..<20 { client.emit(.numbered(UInt64(number), reasonBytes: 1000)) }
            // The batch on its way stays, and the newest.
            #expect(client.statistics.droppedCounts == [.evicted: 12])
            #expect(client.statistics.queuedCount == 8)
            expectSum(client.statistics)
            await until {
                let next = held.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                next?.call.execute { FakeCollector.accept(next?.sequence ?? 0, $0) }
                return client.statistics.queuedCount == 0
            }
            #expect(collector.sequences == [0, 7, 8, 9])
            expectSum(client.statistics)
            await client.shutdown()
        }
    }

    @Test("where the policy is to wait, emitAndWait waits for room, and emit drops")
    func waits() async throws {
        let mayAnswer = Mutex(false)
        let held = Mutex<[HeldBatch]>([])
        try await FakeCollector.run { sequence, call in
            if mayAnswer.withLock({ $0 }) { return FakeCollector.accept(sequence, call) }
            let reference = call.reference
            held.withLock { $0.append(.init(sequence: sequence, call: reference)) }
        } _: { collector in
            let client = try collector.client(adjust: self.small(.wait))
            for number in 0..<9 { client.emit(.numbered(UInt64(number), reasonBytes: 1000)) }
            #expect(client.statistics.droppedCounts == [.queueFull: 1])
            let impatient = await #expect(throws: ClientError.self) {
                try await client.emitAndWait(.numbered(50, reasonBytes: 1000), timeout: .milliseconds(1))
            }
            #expect(impatient?.code == .timedOut)
            let waiting = Task { try await client.emitAndWait(.numbered(99, reasonBytes: 1000)) }
            await collector.waitFor(.received(sequence: 0))
            mayAnswer.withLock { $0 = true }
            let first = held.withLock { $0[0] }
            first.call.execute { FakeCollector.accept(first.sequence, $0) }
            _ = try await waiting.value
            #expect(client.statistics.committedCount == 9)
            #expect(client.statistics.droppedCounts == [.queueFull: 1])
            expectSum(client.statistics)
            await client.shutdown()
        }
    }

    @Test("tells the collector of what was lost, once it can be reached again")
    func reportsDrops() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            let client = try collector.client { $0.maxBatchBytes = 1024 }
            client.emit(.numbered(1, reasonBytes: 3000))
            client.emit(.numbered(2))
            try await client.flush()
            await until { client.statistics.committedCount == 2 }
            let statistics = client.statistics
            #expect(statistics.droppedCounts == [.tooLarge: 1])
            #expect(statistics.enqueuedCount == 3)
            expectSum(statistics)
            await client.shutdown()
        }
    }

    @Test("emitDurably needs a journal, and a journal needs open()")
    func needsJournal() async throws {
        var configuration = AuditClient.Configuration(target: "127.0.0.1:1")
        let client = try AuditClient(configuration)
        let error = await #expect(throws: ClientError.self) { try await client.emitDurably(.numbered()) }
        #expect(error?.code == .invalidConfiguration)
        configuration.journal = .init(path: "/nonexistent/journal")
        #expect(throws: ClientError.self) { try AuditClient(configuration) }
        let unopened = await #expect(throws: ClientError.self) { try await AuditClient.open(configuration) }
        #expect(unopened?.code == .journal)
        configuration.journal = nil
        configuration.overflowPolicy = .journal
        #expect(throws: ClientError.self) { try AuditClient(configuration) }
    }
}

@Suite("Events in a scope", .timeLimit(.minutes(1)))
struct ScopedEmittingTests {
    @Test("take over what they don't set, and go to the scope's tenant, by each way to emit")
    func inherits() async throws {
        let requests = Log<[UInt8]>()
        try await FakeCollector.run(requests: requests, answer: FakeCollector.accept) { collector in
            let client = try collector.client { $0.tenant = "acme" }
            try await withAuditScope(AuditScope(tenant: "umbra", actor: .user("alice"), requestID: "r-1")) {
                client.emit(Event("audit.event"))
                try await client.emitAndWait(Event("audit.event").by(.service("cron")))
            }
            try await client.emitAndWait(Event("audit.event"))
            await client.shutdown()
        }
        let batches = try requests.entries.map { bytes in
            let request = try BatchDecoder(limits: Limits()).decode(bytes)
            return (
                tenant: request.tenant,
                events: try (0..<request.eventCount).map { try decodeEvent(Array(request.eventBytes(at: $0))) }
            )
        }
        let scoped = batches.filter { $0.tenant == "umbra" }.flatMap(\.events)
        #expect(scoped.map(\.actor?.id) == ["alice", "cron"])
        #expect(scoped.map(\.requestID) == ["r-1", "r-1"])
        let others = batches.filter { $0.tenant == "acme" }.flatMap(\.events)
        #expect(others.map(\.actor) == [nil])
    }
}
