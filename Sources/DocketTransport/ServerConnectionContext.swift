import DocketGRPC
import DocketHTTP2
import Logging
package import NIOCore
import NIOSSL

/// What all connections of a server share.
struct ServerEnvironment: Sendable {
    let router: any ServerCallRouter
    let limits: ServerConnectionLimits
    let budget: MemoryBudget
    let logger: Logger
    let usesTCP: Bool
    let usesTLS: Bool
    /// Whether clients may show certificates.
    let asksForCertificates: Bool
    let admission: Admission
    let metrics = ServerMetrics()
}

/// One connection on the server: the HTTP/2 session, the calls on it, and what its calls may share. Confined to its
/// event loop.
///
/// The way in: bytes → session → events → the calls' machines → handlers. The way out: handlers → machines → session,
/// and one flush at the end of whatever ran: a burst of reads, a batch of posted completions, the timer.
///
/// A call's fault costs that call; a session's fault costs this connection; nothing here costs another connection.
package final class ServerConnectionContext {
    /// How far the connection's life has come. Each step goes to a later one only.
    enum Phase: Int, Comparable {
        /// TLS or the client's preface is under way.
        case handshaking
        case serving
        /// The client has been told to open no further calls; those that were under way to us still count.
        case draining
        /// The last accepted call is settled (the second GOAWAY); the connection closes when it is done.
        case goingAway
        case closed

        static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    /// The event loop that everything here is confined to.
    package let eventLoop: any EventLoop
    /// Who is at the other end, as text for logs.
    package let peer: String
    /// Whether the connection is encrypted.
    package var usesTLS: Bool { self.environment.usesTLS }
    /// The certificate that the client has shown and TLS has verified, in DER; `nil` when it has shown none.
    package private(set) var peerCertificate: [UInt8]?
    /// What handlers keep beside the connection.
    package let storage = TypedStorage()
    /// What handlers keep beside the event loop: shared by all connections of the server on this loop.
    package let loopStorage: TypedStorage

    let environment: ServerEnvironment
    let mailbox: LoopMailbox<ServerMail>
    let budgetOwner: MemoryBudget.Owner
    /// Whom its calls are counted by.
    let admitted: Admission.Peer
    let timer: LoopTimer
    var phase = Phase.handshaking
    var wire: SessionWire?
    var calls: [Int32: ServerCallContext] = [:]
    /// How many calls have yet to be told that nobody gets their answers any more.
    var orphanCount = 0
    var handshakeDeadline: NIODeadline?
    var drainDeadline: NIODeadline?
    var stalledSince: NIODeadline?
    /// When calls are reset that were answered before their client had ended them.
    var earlyAnswers: [Int32: NIODeadline] = [:]
    /// What all calls hold without a reservation but for answers that wait to be read, in bytes; and what the budget knows of,
    /// those answers included.
    var unreservedBytes = 0
    var countedUnreservedBytes = 0
    /// What is held of messages that have no reservation yet, in bytes.
    var begunBytes = 0
    /// What is still to come of messages that have one, in bytes.
    var missingBytes = 0
    /// From the moment that HTTP/2 begins.
    var life: ConnectionLife?
    /// The client pings more often than it may: the connection closes when the burst of reads is over.
    var isPingedTooOften = false
    /// The peer has closed its side; ours follows when the event loop has the leisure.
    private var isPeerGone = false
    private(set) var context: ChannelHandlerContext?
    /// What has come and not been taken yet.
    var untaken = ByteBuffer()
    /// What has come is taken when the event loop has the leisure.
    var isTakenSlowly = false
    var isInSlowIntake = false
    var conduct = PeerConduct()
    let turns: LoopTurns
    let leisure: LoopLeisure
    /// How much is taken between two looks at the clock, in bytes: the less, the dearer the last was.
    var sliceBytes = 2_048

    init(
        environment: ServerEnvironment, eventLoop: any EventLoop, peer: String, admitted: Admission.Peer,
        loopStorage: TypedStorage, mailbox: LoopMailbox<ServerMail>
    ) {
        self.environment = environment
        self.eventLoop = eventLoop
        self.peer = peer
        self.admitted = admitted
        self.loopStorage = loopStorage
        let turns = loopStorage.object(LoopTurns.self, make: { LoopTurns(eventLoop: eventLoop) })
        self.turns = turns
        self.leisure = LoopLeisure.shared(by: loopStorage, of: eventLoop)
        self.mailbox = mailbox
        self.budgetOwner = environment.budget.makeOwner()
        let deadlines = loopStorage.object(
            LoopDeadlines.self, make: { LoopDeadlines(eventLoop: eventLoop, turns: turns) })
        self.timer = LoopTimer(deadlines: deadlines)
    }

    /// Ends whatever ran on the loop: settles what it left behind and writes, once.
    func settle() {
        guard let wire = self.wire else { return }
        self.countRefusals()
        repeat {
            wire.flush(
                settle: {
                    wire.session.drainEvents { self.handle($0, in: UnsafeRawBufferPointer(start: nil, count: 0)) }
                },
                later: { [weak self] in self?.settle() })
        } while self.countUnreserved()
        if wire.isWritable {
            self.stalledSince = nil
        } else if self.stalledSince == nil {
            self.stalledSince = .now()
            self.armTimer(after: self.environment.limits.writeStallTimeout, from: .now())
        }
        self.hurryUp()
        self.closeIfDone(wire)
        // Nobody gets an answer any more, though the peer may take a moment to close its side.
        if wire.isClosing { self.orphanCalls() }
    }

    private func closeIfDone(_ wire: SessionWire) {
        guard !wire.isClosing else { return }
        let sessionIsOver = !wire.session.wantsRead && !wire.session.wantsWrite
        let drainIsOver = self.phase == .goingAway && self.calls.isEmpty && !wire.session.wantsWrite
        if sessionIsOver || drainIsOver { wire.closeAfterWrites() }
    }

    private func countRefusals() {
        guard let refusals = self.wire?.session.takeRefusals(), refusals != .none else { return }
        self.environment.metrics.refused(refusals)
        self.conduct.refused(at: .now())
    }

    func armTimer(after duration: Duration, from start: NIODeadline) {
        if let deadline = start.advanced(by: duration) { self.timer.arm(at: deadline) }
    }
}

// MARK: The channel

extension ServerConnectionContext: ConnectionCore {
    func connected(_ context: ChannelHandlerContext) {
        self.context = context
        self.environment.metrics.connectionOpened()
        self.environment.budget.count(ownerBytes: self.environment.limits.connectionBytes)
        self.timer.onFire { [unowned self] in self.checkDeadlines() }
        self.handshakeDeadline = NIODeadline.now().advanced(by: self.environment.limits.handshakeTimeout)
        if let deadline = self.handshakeDeadline { self.timer.arm(at: deadline) }
    }

    func ready(_ context: ChannelHandlerContext) {
        guard self.wire == nil, self.phase != .closed else { return }
        if self.environment.asksForCertificates {
            self.peerCertificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()?.toDERBytes()
        }
        let limits = self.environment.limits
        var configuration = HTTP2Configuration()
        configuration.maxConcurrentStreams = limits.maxConcurrentStreams
        configuration.initialStreamWindowBytes = limits.streamWindowBytes
        configuration.connectionWindowBytes = limits.connectionWindowBytes
        do {
            let session = try HTTP2Session(role: .server, configuration: configuration)
            self.wire = SessionWire(session: session, context: context, lingers: true)
            self.life = ConnectionLife(limits: limits.life, now: .now(), jitter: .random(in: -1...1))
            self.armForLife()
            if self.phase == .draining { self.announceShutdown(session) }
            self.settle()
        } catch {
            self.environment.logger.error("no HTTP/2 session: \(error)", metadata: ["peer": "\(self.peer)"])
            context.close(promise: nil)
        }
    }

    var wantsBytes: Bool { self.untaken.readableBytes == 0 }

    func received(_ buffer: ByteBuffer) {
        guard let wire = self.wire, !wire.isClosing, !self.isPeerGone else { return }
        let now = NIODeadline.now()
        self.life?.heard(at: now)
        var rest = buffer
        if self.wantsBytes, !self.hasTime(at: now) {
            self.take(&rest, from: now, until: self.turns.hasRoom ? now + LoopTurns.turn : .distantFuture)
        }
        self.leave(rest)
    }

    func burstEnded() { self.settle() }

    func writabilityChanged() {
        // A piece makes the channel unwritable until the socket has taken it: whoever writes it looks at what is left.
        guard let wire = self.wire, !wire.isFlushing else { return }
        // The peer has read something, though the next piece may fill the socket again.
        if wire.isWritable { self.stalledSince = nil }
        self.settle()
    }

    func peerClosed(_ context: ChannelHandlerContext) {
        // Only the socket waits for its turn: whatever the peer has sent or asked for ends here.
        self.isPeerGone = true
        self.dropUntaken()
        self.orphanCalls()
        self.leisure.add(Departure(context.channel))
    }

    func failed(_ error: any Error) {
        if error is NIOSSLError || error is BoringSSLError { self.environment.metrics.connectionFaulted(.tls) }
        self.environment.logger.debug("connection failed: \(error)", metadata: ["peer": "\(self.peer)"])
    }

    func disconnected() {
        guard self.phase != .closed else { return }
        self.phase = .closed
        self.environment.metrics.connectionClosed()
        self.environment.budget.count(ownerBytes: -self.environment.limits.connectionBytes)
        self.countRefusals()
        if let fault = self.wire?.fault {
            self.environment.metrics.connectionFaulted(ConnectionFault(fault))
            self.environment.logger.debug("connection fault: \(fault)", metadata: ["peer": "\(self.peer)"])
        }
        self.wire = nil
        self.context = nil
        self.dropUntaken()
        self.timer.stop()
        self.mailbox.close()
        self.orphanCalls()
        self.forgetUnreservedIfOver()
    }

    func closeNow() {
        if let wire = self.wire { wire.closeNow() } else { self.context?.close(promise: nil) }
    }
}
