import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import DocketTransport

@Suite("Turns at an event loop")
struct LoopTurnsTests {
    /// Sends a byte at its tenth turn, and posts more to the loop at each than a pause of the turns lasts.
    private final class Busy: TurnTaking {
        static let turns = 400
        let loop: any EventLoop
        let sender: NIOBSDSocket.Handle
        let done: EventLoopPromise<Void>
        var turn = 0
        /// The turns that had been taken when the byte was read.
        var turnOfRead: Int?

        init(loop: any EventLoop, sender: NIOBSDSocket.Handle) {
            self.loop = loop
            self.sender = sender
            self.done = loop.makePromise()
        }

        func takeTurn() -> Bool {
            self.turn += 1
            if self.turn == 10 { _ = unsafe write(self.sender, "x", 1) }
            Self.spin(.microseconds(250))
            self.loop.execute { Self.spin(.microseconds(500)) }
            if self.turn == Self.turns { self.done.succeed() }
            return self.turn < Self.turns
        }

        private static func spin(_ time: TimeAmount) {
            let end = NIODeadline.now() + time
            while NIODeadline.now() < end {}
        }
    }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let busy: Busy
        init(_ busy: Busy) { self.busy = busy }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.busy.turnOfRead = self.busy.turn }
    }

    @Test("whatever its turns post to the loop, the loop looks at its sockets between the rounds")
    func sockets() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        var ends: [CInt] = [0, 0]
        try #require(unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let (near, far) = (ends[0], ends[1])
        let busy = try await loop.submit { NIOLoopBound(Busy(loop: loop, sender: far), eventLoop: loop) }.get()
        let channel = try await ClientBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Reader(busy.value))
            }
        }.withConnectedSocket(near).get()
        let turns = try await loop.submit {
            let turns = LoopTurns(eventLoop: loop)
            turns.add(busy.value)
            return NIOLoopBound(turns, eventLoop: loop)
        }.get()
        try await loop.flatSubmit { busy.value.done.futureResult }.get()
        // Otherwise it would be read after the last turn.
        let turnOfRead = try await loop.submit { (busy.value.turnOfRead, turns.value.hasRoom) }.get().0
        #expect(turnOfRead != nil)
        try await channel.close()
        close(far)
        try await group.shutdownGracefully()
    }
}
