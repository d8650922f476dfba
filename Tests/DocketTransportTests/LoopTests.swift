import DocketTestSupport
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing

@testable import DocketTransport

@Suite("Getting onto a loop")
struct LoopTests {
    @Test("entries posted while the loop is busy come in order and in one delivery")
    func oneDelivery() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let mailbox = LoopMailbox<Int>(eventLoop: group.next())
        let deliveries = Mutex<[[Int]]>([])
        try await mailbox.eventLoop.submit {
            mailbox.open { entries in deliveries.withLock { $0.append(entries) } }
            // The loop is busy here: nothing is delivered before this ends.
            for entry in 0..<1_000 { mailbox.post(entry) }
        }.get()
        try await mailbox.eventLoop.submit {}.get()
        #expect(deliveries.withLock { $0 } == [Array(0..<1_000)])
    }

    @Test("entries from many threads all come, those of one thread in order")
    func manyThreads() async throws {
        let mailbox = LoopMailbox<(thread: Int, index: Int)>(eventLoop: MultiThreadedEventLoopGroup.singleton.next())
        let received = Mutex<[[Int]]>(Array(repeating: [], count: 4))
        try await mailbox.eventLoop.submit {
            mailbox.open { entries in
                for entry in entries { received.withLock { $0[entry.thread].append(entry.index) } }
            }
        }.get()
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask { for index in 0..<2_000 { mailbox.post((thread, index)) } }
            }
        }
        try await mailbox.eventLoop.submit {}.get()
        #expect(received.withLock { $0 } == Array(repeating: Array(0..<2_000), count: 4))
    }

    @Test("closing hands back what wasn't delivered, and refuses what comes later")
    func closing() async throws {
        let mailbox = LoopMailbox<Int>(eventLoop: MultiThreadedEventLoopGroup.singleton.next())
        let left = try await mailbox.eventLoop.submit {
            mailbox.open { _ in Issue.record("nothing may be delivered") }
            mailbox.post(1)
            mailbox.post(2)
            return mailbox.close()
        }.get()
        #expect(left == [1, 2])
        #expect(!mailbox.post(3))
        try await mailbox.eventLoop.submit {}.get()
    }

    @Test("the timer fires at the earliest deadline, once, and can be armed again from there")
    func timer() {
        let loop = EmbeddedEventLoop()
        let timer = LoopTimer(deadlines: LoopDeadlines(eventLoop: loop, turns: LoopTurns(eventLoop: loop)))
        var fired: [NIODeadline] = []
        timer.onFire {
            fired.append(loop.now)
            if fired.count == 1 { timer.arm(at: loop.now + .seconds(5)) }
        }
        timer.arm(at: loop.now + .seconds(10))
        timer.arm(at: loop.now + .seconds(3))
        timer.arm(at: loop.now + .seconds(20))
        loop.advanceTime(by: .seconds(60))
        #expect(fired == [.uptimeNanoseconds(3_000_000_000), .uptimeNanoseconds(8_000_000_000)])
        timer.arm(at: loop.now + .seconds(1))
        timer.stop()
        loop.advanceTime(by: .seconds(60))
        #expect(fired.count == 2)
    }

    @Test("many timers of a loop fire each at its own time, whatever is armed, armed earlier and stopped")
    func manyTimers() {
        var random = SeededGenerator.ofRun()
        let loop = EmbeddedEventLoop()
        let deadlines = LoopDeadlines(eventLoop: loop, turns: LoopTurns(eventLoop: loop))
        let timers = (0..<50).map { _ in LoopTimer(deadlines: deadlines) }
        var expected: [Int: NIODeadline] = [:]
        for (index, timer) in timers.enumerated() {
            timer.onFire {
                #expect(expected[index] == loop.now, "\(testSeed())")
                expected[index] = nil
            }
        }
        for _ in 0..<5_000 {
            let index = Int.random(in: 0..<50, using: &random)
            let deadline = loop.now + .milliseconds(.random(in: 1...1_000, using: &random))
            if expected[index].map({ deadline < $0 }) ?? true { expected[index] = deadline }
            timers[index].arm(at: deadline)
            if Int.random(in: 0..<4, using: &random) == 0 {
                loop.advanceTime(by: .milliseconds(.random(in: 1...100, using: &random)))
            }
            #expect(deadlines.entryCount <= 2 * 50 + 64, "what is left over doesn't pile up; \(testSeed())")
        }
        loop.advanceTime(by: .seconds(1))
        #expect(expected.isEmpty, "\(testSeed())")
    }

    @Test("timers that are stopped leave nothing behind")
    func stoppedTimers() {
        let loop = EmbeddedEventLoop()
        let deadlines = LoopDeadlines(eventLoop: loop, turns: LoopTurns(eventLoop: loop))
        for _ in 0..<10_000 {
            let timer = LoopTimer(deadlines: deadlines)
            timer.onFire { Issue.record("it has been stopped") }
            timer.arm(at: loop.now + .seconds(60))
            timer.stop()
        }
        #expect(deadlines.entryCount == 0)
        loop.advanceTime(by: .seconds(60))
    }

    @Test("a timer that is armed for the same moment again each time it has fired earlier leaves nothing behind")
    func rearmedTimer() {
        let loop = EmbeddedEventLoop()
        let deadlines = LoopDeadlines(eventLoop: loop, turns: LoopTurns(eventLoop: loop))
        let timer = LoopTimer(deadlines: deadlines)
        let late = loop.now + .hours(1)
        var fired = 0
        timer.onFire {
            fired += 1
            timer.arm(at: late)
        }
        for _ in 0..<1_000 {
            timer.arm(at: loop.now + .milliseconds(1))
            loop.advanceTime(by: .milliseconds(1))
        }
        #expect(fired == 1_000)
        #expect(deadlines.entryCount <= 2 + 64)
    }

    @Test("deadlines beyond a year are none, and negative timeouts are now")
    func deadlines() {
        let now = NIODeadline.uptimeNanoseconds(1_000)
        #expect(now.advanced(by: .seconds(99_999_999 * 3_600)) == nil)
        #expect(now.advanced(by: .seconds(-5)) == now)
        #expect(now.advanced(by: .milliseconds(1)) == now + .milliseconds(1))
    }
}
