import DocketGRPC
import DocketRPC
import DocketTestSupport
import DocketTransport
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite("How much a server takes on", .timeLimit(.minutes(1)))
struct ServerAdmissionTests {
    @Test("one connection too many is closed; when another has gone there is room again")
    func connections() async throws {
        try await TestServer.run(adjust: { $0.limits.admission.maxConnectionsPerPeer = 2 }) { test in
            let first = try await test.connect()
            let second = try await test.connect()
            #expect(try await second.unary(TestServer.echo, [1]) == [1])
            await #expect(throws: TransportError.self) { try await test.connect() }
            await first.close()
            await until { test.server.connectionCount == 1 }
            let third = try await test.connect()
            #expect(try await third.unary(TestServer.echo, [3]) == [3])
            await second.close()
            await third.close()
        }
    }

    @Test("one call too many is RESOURCE_EXHAUSTED, says how many there may be, and when to come back")
    func calls() async throws {
        try await TestServer.run(adjust: { $0.limits.admission.maxCallsPerPeer = 2 }) { test in
            let client = try await test.connect()
            // One after the other: which of two that are made at once comes first isn't said.
            let one = Task { try await client.unary(TestServer.hold, [1]) }
            var first = await test.probe.nextHeld()
            let other = Task { try await client.unary(TestServer.hold, [1]) }
            let second = await test.probe.nextHeld()
            let status = await #expect(throws: GRPCStatus.self) { try await client.unary(TestServer.echo, [2]) }
            #expect(status?.code == .resourceExhausted)
            #expect(status?.message.contains("2 calls") == true)
            #expect(status?.retryPushbackMilliseconds != nil)
            first?.reference.reply([1])
            first = nil
            _ = await one.result
            second?.reference.reply([1])
            _ = await other.result
            #expect(try await client.unary(TestServer.echo, [2]) == [2])
            await client.close()
        }
    }

    @Test("connections are spread evenly over the event loops")
    func spread() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 4)
        let server = RPCServer(
            configuration: RPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)),
            budget: MemoryBudget(limitBytes: 64 << 20), group: group, logger: Logger(label: "test")
        ) { methods in
            methods.register("test.Echo", "Unary") { call in
                let loops = Array(group.makeIterator()).map { ObjectIdentifier($0) }
                let index = loops.firstIndex(of: ObjectIdentifier(call.connection.eventLoop)) ?? 255
                return UnaryHandler { _, call in call.reply([UInt8(index)]) }
            }
        }
        let address = try await server.start()
        var connections: [Int: Int] = [:]
        for _ in 0..<12 {
            let client = try await ClientConnection.connect(to: address, group: MultiThreadedEventLoopGroup.singleton)
            let loop = try await client.unary(TestServer.echo, [0])
            connections[Int(loop[0]), default: 0] += 1
            await client.close()
        }
        #expect(connections == [0: 3, 1: 3, 2: 3, 3: 3])
        await server.shutDown()
        try await group.shutdownGracefully()
    }

    @Test("IPv6 carries calls")
    func ipv6() async throws {
        let test = try await TestServer.start(address: .tcp(host: "::1", port: 0))
        #expect(test.address.description.hasPrefix("[::1]:"))
        let client = try await test.connect()
        #expect(try await client.unary(TestServer.echo, [6]) == [6])
        await client.close()
        await test.server.shutDown()
    }
}
