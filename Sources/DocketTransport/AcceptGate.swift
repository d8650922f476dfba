import NIOCore
import Synchronization

/// Accepts no more connections than are being set up, so that thousands of them at once wait in the kernel's backlog instead of as
/// work that an event loop would do before it looks at a socket again.
///
/// The handler that the listening socket's pipeline begins with.
final class AcceptGate: ChannelDuplexHandler, Sendable {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    private struct State {
        var arriving = 0
        var inSetUp = 0
        /// Where reading waits until fewer are being set up.
        var held: (any Channel)?
    }

    /// How many connections are being set up at once, or a few more: a read accepts more than one.
    static let maxConnectionsInSetUp = 16

    private let state = Mutex(State())

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.state.withLock { state in
            state.arriving += 1
            state.inSetUp += 1
        }
        context.fireChannelRead(data)
    }

    /// How many accepted connections would end if the listening socket did.
    var arriving: Int { self.state.withLock { $0.arriving } }

    func read(context: ChannelHandlerContext) {
        let mayRead = self.state.withLock { state in
            if state.inSetUp >= Self.maxConnectionsInSetUp { state.held = context.channel }
            return state.held == nil
        }
        if mayRead { context.read() }
    }

    /// A connection is set up, or refused. On its event loop, once for each that was accepted.
    ///
    /// - Parameters:
    ///   - eventLoop: that of the connection.
    ///   - listener: that of the listening socket, on which the bootstrap has the last word about a connection.
    func connectionSetUp(on eventLoop: any EventLoop, listener: any EventLoop) {
        // When this task runs, the bootstrap has posted its last word, and what is posted now comes behind it.
        eventLoop.execute {
            listener.execute { self.state.withLock { $0.arriving -= 1 } }
        }
        let held = self.state.withLock { state -> (any Channel)? in
            state.inSetUp -= 1
            guard state.inSetUp <= Self.maxConnectionsInSetUp / 2 else { return nil }
            defer { state.held = nil }
            return state.held
        }
        held?.read()
    }
}
