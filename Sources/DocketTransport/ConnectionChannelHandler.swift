import NIOCore
import NIOTLS

/// One end of a connection, as its channel drives it. Everything comes on the channel's event loop.
protocol ConnectionCore: AnyObject {
    /// The TCP connection is up; TLS may still come.
    func connected(_ context: ChannelHandlerContext)
    /// HTTP/2 may begin.
    func ready(_ context: ChannelHandlerContext)
    /// Whether it is ready for more bytes. When it is again, it asks the channel to read.
    var wantsBytes: Bool { get }
    /// Bytes have come.
    func received(_ buffer: ByteBuffer)
    /// No more bytes for now: time to flush.
    func burstEnded()
    /// The peer reads again, or doesn't any more.
    func writabilityChanged()
    /// The peer has closed its side, on a channel that doesn't end by that.
    func peerClosed(_ context: ChannelHandlerContext)
    /// The channel failed; it will be closed.
    func failed(_ error: any Error)
    /// The channel is closed. The last call.
    func disconnected()
}

extension ConnectionCore {
    func peerClosed(_ context: ChannelHandlerContext) { context.close(promise: nil) }
}

/// The one handler of a connection: it waits for TLS and ALPN, passes bytes on, and stops reading from a peer that
/// doesn't read what it is sent.
final class ConnectionChannelHandler<Core: ConnectionCore>: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let core: Core
    private let usesTLS: Bool
    private var isUp = false
    private var owesRead = false
    /// Whether bytes have come since a burst ended.
    private var isInBurst = false

    init(core: Core, usesTLS: Bool) {
        self.core = core
        self.usesTLS = usesTLS
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { self.becomeActive(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.becomeActive(context)
        context.fireChannelActive()
    }

    private func becomeActive(_ context: ChannelHandlerContext) {
        guard !self.isUp else { return }
        self.isUp = true
        self.core.connected(context)
        if !self.usesTLS { self.core.ready(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if self.usesTLS, let event = event as? TLSUserEvent, case .handshakeCompleted(let negotiated) = event {
            if negotiated == "h2" {
                self.core.ready(context)
            } else {
                self.core.failed(
                    TransportError(
                        .connect,
                        "the peer negotiated \(negotiated ?? "nothing") by ALPN; it must be h2 (RFC 9113 section 3.2)"))
                context.close(promise: nil)
            }
        }
        if case .inputClosed? = event as? ChannelEvent { self.core.peerClosed(context) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.isInBurst = true
        self.core.received(self.unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // The end of what the peer sends is a burst without bytes. There is nothing to flush then, and a write that fails there would
        // close the channel while it is still being told of the end.
        if self.isInBurst {
            self.isInBurst = false
            self.core.burstEnded()
        }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable, self.core.wantsBytes {
            context.read()
        } else {
            self.owesRead = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.core.writabilityChanged()
        if context.channel.isWritable, self.owesRead {
            self.owesRead = false
            self.read(context: context)
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.core.failed(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if self.isUp { self.core.disconnected() }
        context.fireChannelInactive()
    }
}
