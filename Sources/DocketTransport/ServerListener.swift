import DocketGRPC
package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A listening socket, and the connections that came in by it.
package final class ServerListener: Sendable {
    /// Where it listens; the port is the real one when 0 was asked for.
    package let address: TransportAddress
    private let channel: any Channel
    private let gate: AcceptGate
    private let connections: ServerConnectionSet

    private static let receiveBuffers = AdaptiveRecvByteBufferAllocator(minimum: 1_024, initial: 2_048, maximum: 16_384)

    private init(
        address: TransportAddress, channel: any Channel, gate: AcceptGate, connections: ServerConnectionSet
    ) {
        self.address = address
        self.channel = channel
        self.gate = gate
        self.connections = connections
    }

    /// How many connections are open.
    package var connectionCount: Int { self.connections.count }

    /// Starts to listen.
    ///
    /// - Parameters:
    ///   - address: a Unix-domain socket's path is taken over when a socket is there already.
    ///   - tls: the certificate; `nil` for plain text.
    ///   - limits: what a connection may cost.
    ///   - budget: the memory for messages in flight, which listeners may share; at least twice the largest message,
    ///     since a compressed one is held in both forms.
    ///   - router: finds the handlers.
    ///   - group: the event loops; connections are handed to them in turn.
    package static func start(
        on address: TransportAddress, tls: ServerTLS?, limits: ServerConnectionLimits, budget: MemoryBudget,
        router: any ServerCallRouter, group: any EventLoopGroup, logger: Logger
    ) async throws(TransportError) -> ServerListener {
        try limits.validate(budgetBytes: budget.limitBytes)
        let tlsContext: ServerTLSContext? = if let tls { try ServerTLSContext(tls) } else { nil }
        let environment = ServerEnvironment(
            router: router, limits: limits, budget: budget, logger: logger, usesTCP: address.isTCP,
            usesTLS: tls != nil,
            asksForCertificates: tls?.clientAuthority != nil, admission: Admission(limits: limits.admission))
        let connections = ServerConnectionSet()
        let gate = AcceptGate()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(gate) }
            }
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // What a writable channel still holds isn't counted.
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 16 << 10, high: 32 << 10))
            // Each connection keeps a buffer of the size that it last read into.
            .childChannelOption(.recvAllocator, value: Self.receiveBuffers)
            // Closing takes its turns, where TLS doesn't have a word to say about the end.
            .childChannelOption(.allowRemoteHalfClosure, value: tls == nil)
            .childChannelInitializer { channel in
                let arrival = Arrival(channel) { try Self.setUp($0, environment, tlsContext, connections) }
                LoopLeisure.shared(by: connections.loopStorage(of: channel.eventLoop), of: channel.eventLoop).add(
                    arrival)
                return arrival.isSetUp.always { [eventLoop = channel.eventLoop] _ in
                    gate.connectionSetUp(on: eventLoop, listener: channel.parent?.eventLoop ?? eventLoop)
                }
            }
        do {
            let channel: any Channel
            switch address {
            case .tcp(let host, let port):
                channel = try await bootstrap.bind(host: host, port: port).get()
            case .unix(let path):
                channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            }
            let bound = Self.boundAddress(asked: address, port: channel.localAddress?.port)
            return ServerListener(address: bound, channel: channel, gate: gate, connections: connections)
        } catch {
            throw TransportError(
                .bind, "can't listen on \(address); choose an address of this machine that is free", cause: error)
        }
    }

    /// Stops gracefully: stops listening, tells every client to open no further calls, finishes those
    /// that have been accepted, and closes. What isn't done after `grace` is closed as it is.
    package func shutDown(grace: Duration) async {
        self.connections.shutDown()
        let force = self.channel.eventLoop.scheduleTask(in: TimeAmount(max(grace, .zero))) { [channel, connections] in
            channel.close(promise: nil)
            connections.closeAll()
        }
        await self.stopListening()
        await self.connections.waitUntilEmpty(on: self.channel.eventLoop)
        force.cancel()
    }

    /// Closes the listening socket when the connections that the kernel has made for it are handed over.
    private func stopListening() async {
        let lull = NIOLoopBoundBox.makeBoxSendingValue(ListenerLull(), eventLoop: self.channel.eventLoop)
        self.channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: TimeAmount(ListenerLull.interval)) {
            [channel, gate] looks in
            let arriving = gate.arriving
            let isOver = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable { socket in
                let isOver = lull.value.look(isQueueEmpty: Self.isQueueEmpty(of: socket), arriving: arriving)
                // The channel's close takes its time, and what the kernel makes between the look and the end is reset.
                if isOver { _ = shutdown(socket, Int32(SHUT_RD)) }
                return isOver
            }
            guard isOver != false else { return }
            looks.cancel()
            channel.close(promise: nil)
        }
        try? await self.channel.closeFuture.get()
    }

    /// Whether no connection waits in the kernel's queue.
    private static func isQueueEmpty(of socket: NIOBSDSocket.Handle) -> Bool {
        var look = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&look, 1, 0) == 0
    }

    private static func boundAddress(asked: TransportAddress, port: Int?) -> TransportAddress {
        if case .tcp(let host, 0) = asked, let port { return .tcp(host: host, port: port) }
        return asked
    }

    private static func setUp(
        _ channel: any Channel, _ environment: ServerEnvironment, _ tls: ServerTLSContext?,
        _ connections: ServerConnectionSet
    ) throws {
        let admitted = try environment.admit(channel)
        // Not by the bootstrap: where that fails, as it may on a connection that was reset, nobody would tell the gate.
        if environment.usesTCP { try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1) }
        let mailbox = LoopMailbox<ServerMail>(eventLoop: channel.eventLoop)
        guard connections.add(channel, mailbox) else { throw ChannelError.ioOnClosedChannel }
        let connection = ServerConnectionContext(
            environment: environment, eventLoop: channel.eventLoop,
            peer: channel.remoteAddress.map { "\($0)" } ?? "unknown", admitted: admitted,
            loopStorage: connections.loopStorage(of: channel.eventLoop), mailbox: mailbox)
        if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: try tls.current())) }
        try channel.pipeline.syncOperations.addHandler(
            ConnectionChannelHandler(core: connection, usesTLS: tls != nil))
        mailbox.open { [weak connection] mail in connection?.deliver(mail) }
    }
}

extension ServerEnvironment {
    /// Counts a connection until it closes, or throws when there are too many: then it is closed unheard.
    fileprivate func admit(_ channel: any Channel) throws -> Admission.Peer {
        do {
            let admitted = try self.admission.connect(.init(channel.remoteAddress)).get()
            channel.closeFuture.whenComplete { [admission] _ in admission.leave(admitted) }
            return admitted
        } catch {
            self.metrics.connectionRefused(error.bound)
            throw error
        }
    }
}

/// The open connections of a listener.
final class ServerConnectionSet: Sendable {
    private struct State {
        var open: [ObjectIdentifier: LoopMailbox<ServerMail>] = [:]
        var isShutDown = false
        var isClosed = false
        var waiting: [EventLoopPromise<Void>] = []
        var loopStorages: [ObjectIdentifier: NIOLoopBound<TypedStorage>] = [:]
    }

    private let state = Mutex(State())

    var count: Int { self.state.withLock { $0.open.count } }

    /// The storage of a loop, made the first time. On that loop.
    func loopStorage(of eventLoop: any EventLoop) -> TypedStorage {
        let key = ObjectIdentifier(eventLoop)
        if let known = self.state.withLock({ $0.loopStorages[key] }) { return known.value }
        // Nobody else makes one for this loop meanwhile: we are on it.
        let made = NIOLoopBound(TypedStorage(), eventLoop: eventLoop)
        self.state.withLock { $0.loopStorages[key] = made }
        return made.value
    }

    /// Adds a connection until it closes; `false` when it comes too late. One that comes after the graceful end has begun is told
    /// so, and served: its client can't have known.
    func add(_ channel: any Channel, _ mailbox: LoopMailbox<ServerMail>) -> Bool {
        let key = ObjectIdentifier(mailbox)
        let (added, isShutDown) = self.state.withLock { state in
            if !state.isClosed { state.open[key] = mailbox }
            return (!state.isClosed, state.isShutDown)
        }
        if added { channel.closeFuture.whenComplete { _ in self.remove(key) } }
        if isShutDown { mailbox.post(.shutDown) }
        return added
    }

    private func remove(_ key: ObjectIdentifier) {
        let done = self.state.withLock { state -> [EventLoopPromise<Void>] in
            state.open[key] = nil
            guard state.open.isEmpty else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for promise in done { promise.succeed() }
    }

    /// Begins the graceful end of the open connections, and of those that are added from now on.
    func shutDown() {
        let open = self.state.withLock { state in
            state.isShutDown = true
            return Array(state.open.values)
        }
        for mailbox in open { mailbox.post(.shutDown) }
    }

    /// Closes the open connections as they are, and adds none from now on.
    func closeAll() {
        let open = self.state.withLock { state in
            state.isClosed = true
            return Array(state.open.values)
        }
        for mailbox in open { mailbox.post(.close) }
    }

    func waitUntilEmpty(on eventLoop: any EventLoop) async {
        let promise = eventLoop.makePromise(of: Void.self)
        let isEmpty = self.state.withLock { state in
            if !state.open.isEmpty { state.waiting.append(promise) }
            return state.open.isEmpty
        }
        if isEmpty { promise.succeed() }
        try? await promise.futureResult.get()
    }
}
