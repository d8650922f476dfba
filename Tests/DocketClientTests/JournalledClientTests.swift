import DocketGRPC
import DocketMessages
import DocketModel
import DocketTestSupport
import DocketTransport
import Foundation
import Synchronization
import Testing

@testable import DocketClient

@Suite("A client with a journal", .timeLimit(.minutes(1)))
struct JournalledClientTests {
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "docket-client-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private func open(_ collector: FakeCollector, _ path: String) async throws -> AuditClient {
        try await AuditClient.open(
            collector.configuration {
                $0.journal = .init(path: path)
                $0.reportsDrops = false
            })
    }

    @Test("emitDurably returns though no collector answers, and what it kept is sent")
    func durable() async throws {
        let recovery = Recovery()
        try await FakeCollector.run(answer: recovery.answer) { collector in
            try await self.withDirectory { path in
                let client = try await self.open(collector, path)
                for number in 0..<10 { try await client.emitDurably(.numbered(UInt64(number))) }
                #expect(client.statistics.queuedCount == 10)
                #expect(client.statistics.journalledCount == 10)
                recovery.come()
                try await client.flush()
                #expect(client.statistics.committedCount == 10)
                #expect(client.statistics.journalledCount == 0)
                expectSum(client.statistics)
                await client.shutdown()
            }
        }
    }

    @Test("what one process kept the next one sends, under the same producer and sequences, and only once")
    func restart() async throws {
        try await self.withDirectory { path in
            var sent: [Int64] = []
            try await FakeCollector.run(answer: { _, _ in }) { collector in
                let first = try await self.open(collector, path)
                for number in 0..<3 { try await first.emitDurably(.numbered(UInt64(number))) }
                first.emit(.numbered(9))
                // What is in memory goes into the journal as well.
                await first.shutdown(timeout: .milliseconds(10))
                #expect(first.statistics.journalledCount == 4)
                #expect(first.droppedCount == 0)
                expectSum(first.statistics)
                sent = Array(Set(collector.sequences)).sorted()
            }
            try await FakeCollector.run(answer: FakeCollector.accept) { collector in
                let second = try await self.open(collector, path)
                try await second.emitDurably(.numbered(10))
                await until { second.statistics.committedCount == 5 }
                #expect(second.statistics.recoveredCount == 4)
                expectSum(second.statistics)
                #expect(Set(collector.sequences).isSuperset(of: sent))
                await second.shutdown()
                let third = try await self.open(collector, path)
                #expect(third.statistics.queuedCount == 0)
                await third.shutdown()
                #expect(third.statistics.recoveredCount == 0)
            }
        }
    }

    @Test("what an earlier process has left, and is told to wait for long, holds up nothing of this one")
    func toldToWait() async throws {
        try await self.withDirectory { path in
            try await FakeCollector.run(answer: { _, _ in }) { collector in
                let first = try await self.open(collector, path)
                try await first.emitDurably(.numbered(1))
                await first.shutdown(timeout: .milliseconds(10))
            }
            let isFirst = Mutex(true)
            try await FakeCollector.run { sequence, call in
                let mustWait = isFirst.withLock { isFirst in
                    defer { isFirst = false }
                    return isFirst
                }
                guard mustWait else { return FakeCollector.accept(sequence, call) }
                FakeCollector.refuse(sequence, call, .resourceExhausted, details: [.retryInfo(delay: .seconds(3600))])
            } _: { collector in
                let second = try await self.open(collector, path)
                await until { !isFirst.withLock { $0 } }
                try await second.emitDurably(.numbered(2))
                await until { second.statistics.committedCount == 1 }
                #expect(second.statistics.journalledCount == 1)
                expectSum(second.statistics)
                await second.shutdown(timeout: .milliseconds(10))
            }
        }
    }

    @Test("what doesn't fit into memory goes through the journal, where that is the policy")
    func overflow() async throws {
        let recovery = Recovery()
        try await FakeCollector.run(answer: recovery.answer) { collector in
            try await self.withDirectory { path in
                let client = try await AuditClient.open(
                    collector.configuration {
                        $0.journal = .init(path: path)
                        $0.overflowPolicy = .journal
                        $0.maxBatchBytes = 16 << 10
                        $0.maxQueueBytes = 256 << 10
                        $0.maxBatchEvents = 10
                    })
                for number in 0..<2000 {
                    client.emit(.numbered(UInt64(number), reasonBytes: 1000))
                    // As fast as the disk takes it.
                    if number % 20 == 19 { await until { client.statistics.queuedBytes < 140 << 10 } }
                }
                #expect(client.droppedCount == 0)
                #expect(client.statistics.journalledCount > 1000)
                recovery.come()
                try await client.flush()
                #expect(client.statistics.committedCount == 2000)
                expectSum(client.statistics)
                await client.shutdown()
            }
        }
    }

    @Test("one process at a time uses a journal")
    func inUse() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            try await self.withDirectory { path in
                let client = try await self.open(collector, path)
                let error = await #expect(throws: ClientError.self) { _ = try await self.open(collector, path) }
                #expect(error?.code == .journal)
                await client.shutdown()
            }
        }
    }
}
