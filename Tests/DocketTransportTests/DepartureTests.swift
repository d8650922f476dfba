import DocketGRPC
import DocketTestSupport
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import DocketTransport

@Suite("A connection that its peer has closed", .timeLimit(.minutes(1)))
struct DepartureTests {
    /// What the loop has done by the way, and when the call was told of its end.
    private final class Record: Sendable {
        let worksDone = Atomic<Int>(0)
        let doneAtEnd = Mutex<Int?>(nil)
    }

    private final class Handler: ServerCallHandler {
        let record: Record
        init(record: Record) { self.record = record }

        func receive(_ message: InboundMessage, call: ServerCallContext) {}
        func receiveEnd(call: ServerCallContext) {}
        func cancelled(call: ServerCallContext) {
            let done = self.record.worksDone.load(ordering: .relaxed)
            self.record.doneAtEnd.withLock { $0 = done }
        }
    }

    private final class Work: TurnTaking {
        private let record: Record
        init(_ record: Record) { self.record = record }

        func takeTurn() -> Bool {
            let end = NIODeadline.now() + .microseconds(200)
            while NIODeadline.now() < end {}
            self.record.worksDone.add(1, ordering: .relaxed)
            return false
        }
    }

    /// Gives the loop much to do by the way as soon as a call has begun.
    private struct Router: ServerCallRouter {
        static let works = 200
        let record: Record

        func handler(for call: ServerCallContext) throws(GRPCStatus) -> any ServerCallHandler {
            for _ in 0..<Self.works { call.connection.leisure.add(Work(self.record)) }
            return Handler(record: self.record)
        }

        func explained(_ status: GRPCStatus) -> GRPCStatus { status }
    }

    /// The preface, empty SETTINGS, and HEADERS of a gRPC call (RFC 9113 sections 3.4, 6.5 and 6.2; RFC 7541 section 6.2.2).
    private static let call: [UInt8] = {
        func literal(_ index: [UInt8], _ text: String) -> [UInt8] { index + [UInt8(text.utf8.count)] + text.utf8 }
        let block: [UInt8] =
            [0x83, 0x86] + literal([0x04], "/a/b") + literal([0x01], "localhost")
            + literal([0x0F, 0x10], "application/grpc") + literal([0x00, 0x02] + "te".utf8, "trailers")
        return Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
            + [0, 0, UInt8(block.count), 1, 4, 0, 0, 0, 1] + block
    }()

    @Test("its calls end at once; only the socket waits until the loop has the leisure")
    func calls() async throws {
        let record = Record()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let listener = try await ServerListener.start(
            on: .tcp(host: "127.0.0.1", port: 0), tls: nil, limits: ServerConnectionLimits(),
            budget: MemoryBudget(limitBytes: 64 << 20), router: Router(record: record), group: group,
            logger: Logger(label: "test"))
        guard case .tcp(let host, let port) = listener.address else { return }
        let peer = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port).get()
        try await peer.writeAndFlush(ByteBuffer(bytes: Self.call))
        await until { record.worksDone.load(ordering: .relaxed) > 0 }
        try await peer.close()
        await until { listener.connectionCount == 0 }
        let done = try #require(record.doneAtEnd.withLock { $0 }, "the call was never told")
        #expect(done < Router.works / 2)
        #expect(record.worksDone.load(ordering: .relaxed) == Router.works, "the socket has waited for its turn")
        await listener.shutDown(grace: .zero)
        try await group.shutdownGracefully()
    }
}
