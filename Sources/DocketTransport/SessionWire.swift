import DocketHTTP2
import NIOCore

/// An HTTP/2 session on a channel: the only place where its output is drained and written.
///
/// Frames leave the session a piece at a time, and only while the channel is writable; what a peer doesn't read stays in the session,
/// where it is counted. Confined to the channel's event loop.
final class SessionWire {
    let session: HTTP2Session
    private let context: ChannelHandlerContext
    /// What the last flush took: a guess for the next.
    private var expectedBytes = 512
    private(set) var isFlushing = false
    /// Whether the loop will come back here by itself.
    private var isResuming = false
    /// How often one flush goes round, and how much it writes each time, in bytes: what the channel gets it can't give back.
    private static let (maxRounds, pieceBytes) = (8, 192 << 10)
    private(set) var isClosing = false
    /// Why the session can't go on: the first reason that it gave, on either way.
    private(set) var fault: (any Error)?

    /// How long a peer that is told the end may still send: it hasn't heard of it yet.
    private static let lingerTime = TimeAmount.seconds(1)
    private let lingers: Bool

    /// - Parameter lingers: whether ``closeAfterWrites()`` waits for the peer to close, too. What comes from it once the socket is
    ///   closed would be answered by a RST, which costs the peer what it hasn't read yet (RFC 9112 section 9.6).
    init(session: HTTP2Session, context: ChannelHandlerContext, lingers: Bool = false) {
        self.session = session
        self.context = context
        self.lingers = lingers
    }

    /// Whether the peer reads what it is sent.
    var isWritable: Bool { self.context.channel.isWritable }

    /// What the channel has and its socket doesn't take, in bytes; 0 while that is too little to keep the channel from being writable.
    var unsentBytes: Int {
        guard !self.isWritable, let options = self.context.channel.syncOptions else { return 0 }
        return (try? options.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Writes what the session wants to send, in one flush, then calls `settle` for what follows from that; again, as
    /// long as there is more and the channel is writable, but not for ever: a peer that reads as fast as its call is
    /// answered would keep all others from the loop. `later` is called when the loop comes round again.
    func flush(settle: () -> Void, later: @escaping () -> Void) {
        // Writing can make the channel unwritable, writable again or inactive, and that comes back here.
        guard !self.isFlushing else { return }
        self.isFlushing = true
        defer { self.isFlushing = false }
        for _ in 0..<Self.maxRounds {
            self.writeOnce()
            settle()
            if self.isClosing || !self.session.wantsWrite || !self.isWritable { return }
        }
        guard !self.isResuming else { return }
        self.isResuming = true
        // Not by `execute`: a loop runs tasks that tasks have added before it looks at any socket.
        self.context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
            self.isResuming = false
            later()
        }
    }

    /// Writes what the session still has to say, a GOAWAY before anything else, and closes behind it.
    ///
    /// - Parameter fault: why the session can't go on, if it can't.
    func flushAndClose(fault: (any Error)? = nil) {
        self.fault = self.fault ?? fault
        self.writeOnce()
        self.closeAfterWrites()
    }

    private func writeOnce() {
        guard !self.isClosing, self.isWritable, self.session.wantsWrite else { return }
        var buffer = self.context.channel.allocator.buffer(capacity: self.expectedBytes)
        var isOver = false
        do {
            try self.session.output(upToBytes: Self.pieceBytes) { bytes in _ = buffer.writeBytes(bytes) }
        } catch {
            // The session is beyond use. What it still gave, a GOAWAY that says why, is written.
            self.fault = self.fault ?? error
            isOver = true
        }
        if buffer.readableBytes > 0 {
            self.expectedBytes = min(max(buffer.readableBytes, 512), 65_536)
            self.context.writeAndFlush(NIOAny(buffer), promise: nil)
        }
        if isOver { self.closeAfterWrites() }
    }

    /// Gives stream-level flow control what a window has decided.
    func apply(_ credit: InboundWindow.Credit, streamID: Int32) {
        if credit.consumeBytes > 0 { self.session.consume(streamID: streamID, bytes: credit.consumeBytes) }
        if credit.raiseToBytes > 0 {
            self.session.raiseStreamWindow(streamID: streamID, toBytes: credit.raiseToBytes)
        }
    }

    /// Closes when everything written so far has reached the socket; with lingering, first this side only. What still comes is the
    /// caller's to drop.
    func closeAfterWrites() {
        guard !self.isClosing else { return }
        self.isClosing = true
        let context = self.context
        // An empty write completes behind all the others. A close would drop what the socket hasn't taken yet.
        context.writeAndFlush(NIOAny(context.channel.allocator.buffer(capacity: 0))).assumeIsolated().whenComplete {
            _ in
            guard self.lingers else { return context.close(promise: nil) }
            context.close(mode: .output, promise: nil)
            context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingerTime) { context.close(promise: nil) }
        }
    }

    /// Closes without waiting for anything.
    func closeNow() {
        self.isClosing = true
        self.context.close(promise: nil)
    }
}
