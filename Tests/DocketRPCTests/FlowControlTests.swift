import DocketGRPC
import DocketHeaders
import DocketRPC
import DocketTestSupport
import DocketTransport
import NIOCore
import Synchronization
import Testing

@Suite("Back-pressure by reservation", .timeLimit(.minutes(2)))
struct FlowControlTests {
    @Test("many streams on several connections get big messages through small windows and a small budget")
    func noDeadlock() async throws {
        let size = 100_000
        try await TestServer.run(
            budgetBytes: 3 * size,
            adjust: {
                $0.limits.maxMessageBytes = size
                $0.limits.streamWindowBytes = 1_024
                $0.limits.connectionWindowBytes = 65_535
            }
        ) { test in
            var clients: [ClientConnection] = []
            for _ in 0..<4 { clients.append(try await test.connect()) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in clients {
                    for _ in 0..<12 {
                        group.addTask {
                            let stream = client.openStream(TestServer.count)
                            for _ in 0..<4 { try await stream.send([UInt8](repeating: 1, count: size)) }
                            stream.end()
                            for try await answer in stream.messages { #expect(answer == Array("\(4 * size)".utf8)) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            // The server counts what a call held once it has sent the answer.
            await until { test.budget.availableBytes == test.budget.limitBytes }
            #expect(test.budget.waitingCount == 0)
            for client in clients { await client.close() }
        }
    }

    @Test(
        "while handlers keep a client's share of the budget, further messages of its wait; they come when it is given back"
    )
    func waitsForBudget() async throws {
        let size = 100_000
        try await TestServer.run(
            // Half of three quarters for one client: room for two, and for the beginning of the third.
            budgetBytes: 6 * size,
            adjust: {
                $0.limits.maxMessageBytes = size
                $0.limits.streamWindowBytes = 1_024
            }
        ) { test in
            let client = try await test.connect()
            let message = [UInt8](repeating: 9, count: size)
            let calls = (0..<3).map { _ in Task { try await client.unary(TestServer.hold, message) } }
            var first = await test.probe.nextHeld()
            var second = await test.probe.nextHeld()
            await until { test.budget.waitingCount == 1 }
            #expect(test.probe.receivedBytes.load(ordering: .relaxed) == 2 * size)
            #expect(test.budget.reservedBytes == 2 * size)

            first?.reference.reply([1])
            first = nil
            let third = await test.probe.nextHeld()
            second?.reference.reply([2])
            third?.reference.reply([3])
            second = nil
            for call in calls { _ = try await call.value }
            third?.message.reservation.release()
            await until { test.budget.availableBytes == test.budget.limitBytes }
            await client.close()
        }
    }

    @Test("half-sent messages hold their reservation for a moment when others wait, then the others get through")
    func halfMessages() async throws {
        let size = 100_000
        try await TestServer.run(
            budgetBytes: 8 * size / 3,
            adjust: {
                $0.limits.maxMessageBytes = size
                // Long enough that a busy machine sees all fifty wait before the first is ended.
                $0.limits.slowMessageGrace = .seconds(3)
            }
        ) { test in
            let greedy = try await test.connect()
            let modest = try await test.connect()
            let streams = (0..<50).map { _ in greedy.openStream(TestServer.hold) }
            for stream in streams { stream.reference.sendFrame(Self.half(of: size)) }
            await until { test.budget.reservedBytes == size && test.budget.waitingCount == 49 }

            #expect(try await modest.unary(TestServer.echo, [7]) == [7])
            let status = await #expect(throws: GRPCStatus.self) { for try await _ in streams[0].messages {} }
            #expect(status?.code == .resourceExhausted && status?.retryPushbackMilliseconds == 1_000)
            await greedy.close()
            await until { test.budget.availableBytes == test.budget.limitBytes }
            await modest.close()
        }
    }

    @Test("a half-sent message that nobody waits for has until its deadline")
    func halfMessage() async throws {
        let size = 100_000
        try await TestServer.run(
            budgetBytes: 2 * size,
            adjust: {
                $0.limits.maxMessageBytes = size
                $0.limits.messageTimeout = .milliseconds(300)
                $0.limits.slowMessageGrace = .milliseconds(10)
            }
        ) { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.hold)
            stream.reference.sendFrame(Self.half(of: size))
            let status = await #expect(throws: GRPCStatus.self) { for try await _ in stream.messages {} }
            #expect(status?.code == .deadlineExceeded)
            await until { test.budget.availableBytes == test.budget.limitBytes }
            await client.close()
        }
    }

    @Test("a prefix of which only a part comes has until the same deadline", arguments: 1...4)
    func halfPrefix(count: Int) async throws {
        try await TestServer.run(adjust: { $0.limits.messageTimeout = .milliseconds(300) }) { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.hold)
            stream.reference.sendFrame(Array(MessageFraming.frame([1]).prefix(count)))
            let status = await #expect(throws: GRPCStatus.self) { for try await _ in stream.messages {} }
            #expect(status?.code == .deadlineExceeded)
            await client.close()
        }
    }

    /// A prefix that announces a whole message, and ten bytes of it.
    private static func half(of size: Int) -> [UInt8] {
        Array(MessageFraming.frame([UInt8](repeating: 1, count: size)).prefix(MessageFraming.prefixBytes + 10))
    }

    @Test("a greedy connection with fifty messages waiting lets each of ten modest ones have its turn")
    func fairness() async throws {
        let size = 100_000
        let modestCount = 10
        try await TestServer.run(
            budgetBytes: 3 * size,
            adjust: {
                $0.limits.maxMessageBytes = size
                $0.limits.streamWindowBytes = 1_024
            }
        ) { test in
            let greedy = try await test.connect()
            let greedyCalls = (0..<50).map { _ in
                Task { try await greedy.unary(TestServer.hold, [UInt8](repeating: 0, count: size)) }
            }
            await until { test.budget.waitingCount >= 47 }
            var modest: [ClientConnection] = []
            var calls: [Task<[UInt8], any Error>] = []
            for number in 1...modestCount {
                let client = try await test.connect()
                modest.append(client)
                calls.append(
                    Task { try await client.unary(TestServer.hold, [UInt8](repeating: UInt8(number), count: size)) })
            }
            await until { test.budget.waitingCount >= 47 + modestCount }

            var order: [UInt8] = []
            for _ in 0..<(50 + modestCount) {
                let held = await test.probe.nextHeld()
                order.append(held?.message.bytes.first ?? 255)
                held?.message.reservation.release()
                held?.reference.reply([1])
            }
            let lastModest = try #require(order.lastIndex { $0 != 0 })
            // What had been granted before they came, then a turn of the greedy one's for each of theirs.
            #expect(lastModest < 4 + 2 * modestCount, "the order of turns was \(order)")
            for call in greedyCalls + calls { #expect(try await call.value == [1]) }
            for client in modest + [greedy] { await client.close() }
        }
    }

    @Test("a call whose deadline passes while its message waits for the budget ends, and waits no longer")
    func deadlineOfAWaiter() async throws {
        let size = 100_000
        try await TestServer.run(
            budgetBytes: 4 * size,
            adjust: {
                $0.limits.maxMessageBytes = size
                $0.limits.streamWindowBytes = 1_024
            }
        ) { test in
            let keepers = [try await test.connect(), try await test.connect()]
            let message = [UInt8](repeating: 9, count: size)
            for keeper in keepers { try await keeper.openStream(TestServer.hold).send(message) }
            var held = [await test.probe.nextHeld(), await test.probe.nextHeld()]

            let client = try await test.connect()
            // Kept by the server alone.
            let options = ClientCallOptions(metadata: HeaderList(["grpc-timeout": "300m"]))
            let status = await #expect(throws: GRPCStatus.self) {
                try await client.unary(TestServer.hold, message, options: options)
            }
            #expect(status?.code == .deadlineExceeded)
            await until { test.budget.waitingCount == 0 }
            #expect(test.probe.receivedBytes.load(ordering: .relaxed) == 2 * size)
            #expect(test.budget.reservedBytes == 2 * size)
            held.removeAll()
            await until { test.budget.availableBytes == test.budget.limitBytes }
            #expect(try await client.unary(TestServer.count, message) == Array("\(size)".utf8))
            for connection in keepers + [client] { await connection.close() }
        }
    }

    @Test("connections that die while they wait leave nothing behind")
    func deadWaiters() async throws {
        let size = 100_000
        try await TestServer.run(
            budgetBytes: 4 * size,
            adjust: {
                $0.limits.maxMessageBytes = size
                $0.limits.streamWindowBytes = 1_024
            }
        ) { test in
            let keepers = [try await test.connect(), try await test.connect()]
            let message = [UInt8](repeating: 9, count: size)
            for keeper in keepers { try await keeper.openStream(TestServer.hold).send(message) }
            var held = [await test.probe.nextHeld(), await test.probe.nextHeld()]

            let waiter = try await test.connect()
            let waiting = (0..<20).map { _ in waiter.openStream(TestServer.hold) }
            for stream in waiting { try await stream.send(message) }
            await until { test.budget.waitingCount == 20 }
            waiting[0].cancel()
            await until { test.budget.waitingCount == 19 }
            await waiter.close()
            await until { test.budget.waitingCount == 0 }

            #expect(test.budget.reservedBytes == 2 * size)
            held.removeAll()
            await until { test.budget.availableBytes == test.budget.limitBytes }
            for keeper in keepers { await keeper.close() }
        }
    }

    @Test("a sender is held up when the server takes nothing, and goes on when it does")
    func senderWaits() async throws {
        let size = 50_000
        try await TestServer.run(
            // Half of three quarters for one client.
            budgetBytes: 6 * size,
            adjust: {
                $0.limits.maxMessageBytes = size
                $0.limits.streamWindowBytes = 1_024
            }
        ) { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.hold)
            let total = 40
            let sender = Task {
                for _ in 0..<total { try await stream.send([UInt8](repeating: 5, count: size)) }
            }
            var held: [(reference: ServerCallReference, message: InboundMessage)?] = []
            for _ in 0..<2 { held.append(await test.probe.nextHeld()) }
            await until { test.budget.waitingCount == 1 && !stream.reference.isWritable }
            #expect(test.probe.receivedBytes.load(ordering: .relaxed) == 2 * size)

            held.removeAll()
            for _ in 2..<total { _ = await test.probe.nextHeld() }
            try await sender.value
            #expect(test.probe.receivedBytes.load(ordering: .relaxed) == total * size)
            await client.close()
        }
    }

    @Test("a reader that takes nothing holds the server's stream up by its window, and loses nothing")
    func slowReader() async throws {
        try await TestServer.run { test in
            var limits = ClientConnectionLimits()
            limits.streamWindowBytes = 2_048
            let client = try await test.connect(limits: limits)
            let stream = client.openStream(TestServer.bidirectional)
            let count = 200
            for index in 0..<count { try await stream.send([UInt8](repeating: UInt8(index), count: 1_000)) }
            stream.end()
            await until { test.probe.receivedBytes.load(ordering: .relaxed) == count * 1_000 }
            var next = 0
            for try await message in stream.messages {
                if message != [UInt8](repeating: UInt8(next), count: 1_000) { Issue.record("message \(next) is wrong") }
                next += 1
            }
            #expect(next == count)
            await client.close()
        }
    }
}
