import DocketModel
import DocketTestSupport
import Foundation
import Synchronization
import Testing

@testable import DocketClient

@Suite("A client on many threads", .timeLimit(.minutes(1)))
struct ManyThreadsTests {
    /// Eight threads that all begin at once, each with its own number.
    private func onEightThreads(_ body: @escaping @Sendable (Int) -> Void) async {
        let left = Mutex(8)
        let done = OneAnswer<Void>()
        for number in 0..<8 {
            Thread.detachNewThread {
                body(number)
                let isLast = left.withLock {
                    $0 -= 1
                    return $0 == 0
                }
                if isLast { done.settle(()) }
            }
        }
        await done.value()
    }

    @Test("takes what eight threads emit, each event once, while others wait, flush and ask")
    func emits() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            let client = try collector.client { $0.maxBatchEvents = 50 }
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask { for _ in 0..<50 { _ = try? await client.emitAndWait(Event("audit.event")) } }
                }
                group.addTask { for _ in 0..<50 { try? await client.flush() } }
                await self.onEightThreads { number in
                    for index in 0..<2000 {
                        client.emit(Event("audit.event").session("\(number)"))
                        if index % 100 == 0 { _ = client.statistics }
                    }
                }
            }
            try await client.flush()
            let statistics = client.statistics
            #expect(statistics.enqueuedCount == 16_400)
            #expect(statistics.committedCount == 16_400)
            #expect(statistics.queuedCount == 0)
            await client.shutdown()
        }
    }

    @Test(
        "counts each event once under overload and a shutdown in the middle, whatever the policy",
        arguments: [.dropNewest, .dropOldest, .wait] as [AuditClient.OverflowPolicy])
    func overload(_ policy: AuditClient.OverflowPolicy) async throws {
        try await FakeCollector.run(answer: { _, _ in }) { collector in
            let client = try collector.client {
                $0.maxBatchEvents = 20
                $0.maxBatchBytes = 8192
                $0.maxQueueBytes = 32 << 10
                $0.overflowPolicy = policy
                $0.reportsDrops = false
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    await until { client.statistics.enqueuedCount > 4000 }
                    await client.shutdown(timeout: .milliseconds(10))
                }
                await self.onEightThreads { _ in
                    for _ in 0..<1000 {
                        client.emit(Event("audit.event").because("because"))
                    }
                }
            }
            let statistics = client.statistics
            #expect(statistics.enqueuedCount == 8000)
            #expect(statistics.droppedCount == statistics.enqueuedCount)
            #expect(statistics.queuedCount == 0)
        }
    }
}
