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
        var inSetUp = 0
        /// Where reading waits until fewer are being set up.
        var held: (any Channel)?
    }

    /// How many connections are being set up at once, or a few more: a read accepts more than one.
    static let maxConnectionsInSetUp = 16

    private let state = Mutex(State())

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.state.withLock { $0.inSetUp += 1 }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        let mayRead = self.state.withLock { state in
            if state.inSetUp >= Self.maxConnectionsInSetUp { state.held = context.channel }
            return state.held == nil
        }
        if mayRead { context.read() }
    }

    /// A connection is set up, or refused. On any thread, once for each that was accepted.
    func connectionSetUp() {
        let held = self.state.withLock { state -> (any Channel)? in
            state.inSetUp -= 1
            guard state.inSetUp <= Self.maxConnectionsInSetUp / 2 else { return nil }
            defer { state.held = nil }
            return state.held
        }
        held?.read()
    }
}
