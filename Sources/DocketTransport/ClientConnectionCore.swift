import DocketGRPC
import DocketHTTP2
import DocketHeaders
import NIOCore

/// A call on a client connection. Confined to its event loop.
final class ClientCallState {
    let number: UInt64
    let streamID: Int32
    let deadline: NIODeadline?
    let receiver: any ClientCallReceiver
    let gauge: OutboundGauge
    var machine: ClientCall
    var window = InboundWindow()
    /// Messages that the receiver has and hasn't acknowledged, in bytes.
    var heldBytes = 0
    /// A message that waits for the receiver to acknowledge others; its size on the wire.
    var waitingWireBytes: Int?
    /// What the gauge still counts of the bytes that the session has.
    var chargedBytes = 0

    init(_ start: ClientCallStart, streamID: Int32, machine: ClientCall) {
        self.number = start.number
        self.streamID = streamID
        self.deadline = start.deadline
        self.receiver = start.receiver
        self.gauge = start.gauge
        self.machine = machine
    }
}

/// One connection on the client: the mirror of ``ServerConnectionContext``. Confined to its event loop.
final class ClientConnectionCore {
    let limits: ClientConnectionLimits
    let mailbox: LoopMailbox<ClientMail>
    let state: ClientStateCell
    let timer: LoopTimer
    /// Done when the server's SETTINGS are there, or failed when that won't happen.
    private let readyPromise: EventLoopPromise<Void>
    private var isReady = false
    private var lastError: (any Error)?
    private var context: ChannelHandlerContext?
    var wire: SessionWire?
    var calls: [UInt64: ClientCallState] = [:]
    var numbers: [Int32: UInt64] = [:]
    /// The calls that have something in the session's queues.
    var sending: Set<UInt64> = []
    var isDraining = false
    var lastReceived = NIODeadline.now()
    /// After how long a silence this connection asks for life: later ones may wait for longer.
    var silence = Duration.zero
    var pingDeadline: NIODeadline?

    init(
        limits: ClientConnectionLimits, mailbox: LoopMailbox<ClientMail>, state: ClientStateCell,
        readyPromise: EventLoopPromise<Void>
    ) {
        self.limits = limits
        self.mailbox = mailbox
        self.state = state
        self.readyPromise = readyPromise
        self.timer = LoopTimer(
            deadlines: LoopDeadlines(
                eventLoop: mailbox.eventLoop, turns: LoopTurns(eventLoop: mailbox.eventLoop)))
    }

    /// Ends whatever ran on the loop: settles what it left behind and writes, once.
    func settle() {
        guard let wire = self.wire else { return }
        wire.flush(
            settle: { wire.session.drainEvents { self.handle($0, in: UnsafeRawBufferPointer(start: nil, count: 0)) } },
            later: { [weak self] in self?.settle() })
        self.updateGauges(wire.session)
        guard !wire.isClosing else { return }
        let sessionIsOver = !wire.session.wantsRead && !wire.session.wantsWrite
        let drainIsOver = self.isDraining && self.calls.isEmpty && !wire.session.wantsWrite
        if sessionIsOver || drainIsOver { wire.closeAfterWrites() }
    }

    private func updateGauges(_ session: HTTP2Session) {
        guard !self.sending.isEmpty else { return }
        for number in self.sending {
            guard let call = self.calls[number] else {
                self.sending.remove(number)
                continue
            }
            let left = min(call.chargedBytes, session.outboundQueuedBytes(streamID: call.streamID))
            let gone = call.chargedBytes - left
            call.chargedBytes = left
            if left == 0 { self.sending.remove(number) }
            if gone > 0, call.gauge.subtract(gone) { call.receiver.writable() }
        }
    }

    func becameReady() {
        guard !self.isReady else { return }
        self.isReady = true
        self.armKeepalive()
        self.readyPromise.succeed()
    }

    func closeNow() {
        if let wire = self.wire { wire.closeNow() } else { self.context?.close(promise: nil) }
    }

    func drain(reason: String) {
        self.isDraining = true
        self.state.advance(to: .draining(reason: reason))
    }
}

// MARK: The channel

extension ClientConnectionCore: ConnectionCore {
    func connected(_ context: ChannelHandlerContext) {
        self.context = context
        self.timer.onFire { [unowned self] in self.checkDeadlines() }
    }

    func ready(_ context: ChannelHandlerContext) {
        guard self.wire == nil else { return }
        var configuration = HTTP2Configuration()
        configuration.initialStreamWindowBytes = self.limits.streamWindowBytes
        configuration.connectionWindowBytes = self.limits.connectionWindowBytes
        do {
            let session = try HTTP2Session(role: .client, configuration: configuration)
            self.wire = SessionWire(session: session, context: context)
            self.settle()
        } catch {
            self.lastError = error
            context.close(promise: nil)
        }
    }

    var wantsBytes: Bool { true }

    func received(_ buffer: ByteBuffer) {
        guard let wire = self.wire, !wire.isClosing else { return }
        self.noteLife()
        buffer.withUnsafeReadableBytes { bytes in
            do {
                try wire.session.receive(bytes) { event in self.handle(event, in: bytes) }
            } catch {
                self.lastError = error
                wire.flushAndClose()
            }
        }
    }

    func burstEnded() { self.settle() }

    func writabilityChanged() { self.settle() }

    func failed(_ error: any Error) {
        // The first error is the cause; what follows comes from tearing down.
        if self.lastError == nil { self.lastError = error }
    }

    func disconnected() {
        let reason = self.lastError.map { "\($0)" } ?? "the server closed the connection"
        self.wire = nil
        self.context = nil
        self.timer.stop()
        self.state.advance(to: .closed(reason: reason))
        let calls = self.calls
        self.calls = [:]
        self.numbers = [:]
        for call in calls.values {
            self.releaseHeldBack(call)
            call.machine.connectionLost(reason, neverProcessed: false)
            self.advance(call)
        }
        for case .start(let start) in self.mailbox.close() { Self.refuse(start, reason) }
        if !self.isReady {
            self.readyPromise.fail(TransportError(.connect, "no HTTP/2 connection came about: \(reason)"))
        }
    }

    /// Finishes a call that never began.
    static func refuse(_ start: ClientCallStart, _ reason: String) {
        start.receiver.finished(GRPCStatus(.unavailable, reason), trailers: HeaderList())
    }
}
