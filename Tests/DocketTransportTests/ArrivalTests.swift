import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing

@testable import DocketTransport

@Suite("Connections that come and go, thousands at once")
struct ArrivalTests {
    /// Counts how often the socket is read.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = Never
        var reads = 0

        func read(context: ChannelHandlerContext) { self.reads += 1 }
    }

    @Test("no more are accepted than are being set up, and more again when half of those are")
    func gate() throws {
        let (counter, gate) = (ReadCounter(), AcceptGate())
        let listener = EmbeddedChannel(handlers: [counter, gate])
        let connections = EmbeddedEventLoop()
        func setUp() { gate.connectionSetUp(on: connections, listener: listener.eventLoop) }
        func accept() { listener.pipeline.fireChannelRead(EmbeddedChannel() as any Channel) }
        for _ in 0..<AcceptGate.maxConnectionsInSetUp { accept() }
        let before = counter.reads
        listener.read()
        #expect(counter.reads == before)
        for _ in 0..<AcceptGate.maxConnectionsInSetUp / 2 {
            #expect(counter.reads == before)
            setUp()
        }
        #expect(counter.reads == before + 1)
        setUp()
        #expect(counter.reads == before + 1, "what was held back once is read once")
        listener.read()
        #expect(counter.reads == before + 2)
    }

    @Test("one that is set up is on its way until the bootstrap has had its last word on the listener's event loop")
    func onItsWay() {
        let gate = AcceptGate()
        let (listener, connections) = (EmbeddedChannel(handler: gate), EmbeddedEventLoop())
        for _ in 0..<2 { listener.pipeline.fireChannelRead(EmbeddedChannel() as any Channel) }
        gate.connectionSetUp(on: connections, listener: listener.eventLoop)
        #expect(gate.arriving == 2)
        connections.run()
        #expect(gate.arriving == 2)
        listener.embeddedEventLoop.run()
        #expect(gate.arriving == 1)
    }

    @Test("an arrival whose turn doesn't come any more fails, and leaves no promise behind")
    func lostArrival() throws {
        let channel = EmbeddedChannel()
        var arrival: Arrival? = Arrival(channel) { _ in Issue.record("its turn has not come") }
        let isSetUp = try #require(arrival).isSetUp
        arrival = nil
        #expect(throws: ChannelError.self) { try isSetUp.wait() }
    }

    private final class Work: TurnTaking {
        private var turns: Int
        private let done: () -> Void

        init(turns: Int, done: @escaping () -> Void) {
            self.turns = turns
            self.done = done
        }

        func takeTurn() -> Bool {
            let end = NIODeadline.now() + .microseconds(200)
            while NIODeadline.now() < end {}
            self.turns -= 1
            if self.turns == 0 { self.done() }
            return self.turns > 0
        }
    }

    @Test("what a loop does by the way leaves it nine times as long after each turn")
    func leisure() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let began = NIODeadline.now()
        let ends = Mutex<[String]>([])
        let finished = loop.makePromise(of: Void.self)
        try await loop.submit {
            let leisure = LoopLeisure(eventLoop: loop)
            let storage = TypedStorage()
            _ = storage.object(LoopLeisure.self, make: { leisure })
            leisure.add(
                Work(turns: 100) {
                    ends.withLock { $0.append("long") }
                    _ = storage
                    finished.succeed()
                })
            leisure.add(Work(turns: 1) { ends.withLock { $0.append("short") } })
        }.get()
        try await finished.futureResult.get()
        #expect(ends.withLock { $0 } == ["short", "long"], "one turn each, not one after the other")
        #expect(NIODeadline.now() - began >= .microseconds(99 * 9 * 200))
    }

    /// A connection in a slow intake, for so many turns.
    private final class SlowWork: SlowTurnTaking {
        private let work: Work
        var isTakenSlowly = true
        var isInSlowIntake = false

        init(turns: Int, done: @escaping () -> Void) { self.work = Work(turns: turns, done: done) }

        func takeTurn() -> Bool { self.work.takeTurn() }
    }

    @Test("connections whose bytes have time take turns, and all together one at a time of the loop's leisure")
    func slowIntake() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let ends = Mutex<[String]>([])
        let finished = loop.makePromise(of: Void.self)
        let intake = try await loop.submit {
            let leisure = LoopLeisure(eventLoop: loop)
            let intake = SlowIntake(leisure: leisure)
            for number in 1...20 {
                intake.add(
                    SlowWork(turns: number == 1 ? 3 : 2) {
                        ends.withLock { $0.append("slow \(number)") }
                        if number == 1 { finished.succeed() }
                    })
            }
            leisure.add(Work(turns: 1) { ends.withLock { $0.append("other") } })
            return NIOLoopBound(intake, eventLoop: loop)
        }.get()
        try await finished.futureResult.get()
        let order = ends.withLock { $0 }
        #expect(order.first == "other", "one turn of one of them came before it")
        #expect(order.dropFirst().elementsEqual((2...20).map { "slow \($0)" } + ["slow 1"]))
        // When it has had nothing to do it begins anew.
        let again = loop.makePromise(of: Void.self)
        try await loop.submit { intake.value.add(SlowWork(turns: 2) { again.succeed() }) }.get()
        try await again.futureResult.get()
    }

    @Test("a connection that isn't slow any more takes no turn of a slow intake, and is in it once whatever it becomes")
    func hurriedUp() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let turns = Mutex(0)
        let finished = loop.makePromise(of: Void.self)
        try await loop.submit {
            let intake = SlowIntake(leisure: LoopLeisure(eventLoop: loop))
            let hurried = SlowWork(turns: 1) { turns.withLock { $0 += 1 } }
            let twice = SlowWork(turns: 1) { turns.withLock { $0 += 10 } }
            // Taken after this task, or later: the first turn comes at once, but not within it.
            for _ in 0..<2 { for work in [hurried, twice] { intake.add(work) } }
            hurried.isTakenSlowly = false
            intake.add(SlowWork(turns: 1) { finished.succeed() })
        }.get()
        try await finished.futureResult.get()
        #expect(turns.withLock { $0 } == 10)
    }
}
