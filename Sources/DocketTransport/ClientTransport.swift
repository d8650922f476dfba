package import DocketGRPC
package import DocketHeaders
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A connected client: starts calls from any thread.
package final class ClientTransport: Sendable {
    /// Where it is connected to.
    package let address: TransportAddress
    /// `http` or `https`.
    package let scheme: String
    private let channel: any Channel
    private let mailbox: LoopMailbox<ClientMail>
    private let stateCell: ClientStateCell
    private let limits: ClientConnectionLimits
    private let nextNumber = Atomic<UInt64>(0)

    private init(
        address: TransportAddress, scheme: String, channel: any Channel, mailbox: LoopMailbox<ClientMail>,
        state: ClientStateCell, limits: ClientConnectionLimits
    ) {
        self.address = address
        self.scheme = scheme
        self.channel = channel
        self.mailbox = mailbox
        self.stateCell = state
        self.limits = limits
    }

    /// Whether calls can be started.
    package var state: ClientConnectionState { self.stateCell.value }

    /// Connects, and waits for the server's SETTINGS: a connection that is returned speaks HTTP/2.
    ///
    /// - Parameter stateChanged: called on the connection's loop each time the state goes forward.
    package static func connect(
        to address: TransportAddress, tls: ClientTLS?, limits: ClientConnectionLimits, group: any EventLoopGroup,
        stateChanged: @escaping @Sendable (ClientConnectionState) -> Void = { _ in }
    ) async throws(TransportError) -> ClientTransport {
        let tlsContext: NIOSSLContext? = if let tls { try tls.makeContext() } else { nil }
        let eventLoop = group.next()
        let mailbox = LoopMailbox<ClientMail>(eventLoop: eventLoop)
        let state = ClientStateCell(changed: stateChanged)
        let ready = eventLoop.makePromise(of: Void.self)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(limits.connectTimeout))
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let core = ClientConnectionCore(limits: limits, mailbox: mailbox, state: state, readyPromise: ready)
                    if let tlsContext {
                        let name = Self.serverName(tls, address)
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tlsContext, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionChannelHandler(core: core, usesTLS: tlsContext != nil))
                    mailbox.open { [weak core] mail in core?.deliver(mail) }
                }
            }
        let channel: any Channel
        do {
            switch address {
            case .tcp(let host, let port):
                channel = try await bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .connect(host: host, port: port).get()
            case .unix(let path):
                channel = try await bootstrap.connect(unixDomainSocketPath: path).get()
            }
        } catch {
            ready.fail(error)
            throw TransportError(
                .connect, "can't connect to \(address); check that a collector listens there", cause: error)
        }
        try await Self.waitUntilReady(ready, channel, limits.connectTimeout, address)
        return ClientTransport(
            address: address, scheme: tls == nil ? "http" : "https", channel: channel, mailbox: mailbox, state: state,
            limits: limits)
    }

    private static func waitUntilReady(
        _ ready: EventLoopPromise<Void>, _ channel: any Channel, _ timeout: Duration, _ address: TransportAddress
    ) async throws(TransportError) {
        let timer = channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            ready.fail(
                TransportError(.connect, "\(address) accepted the connection and sent no HTTP/2 within \(timeout)"))
            channel.close(promise: nil)
        }
        defer { timer.cancel() }
        do {
            try await withTaskCancellationHandler {
                try await ready.futureResult.get()
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch {
            throw error as? TransportError
                ?? TransportError(.connect, "the connection to \(address) failed", cause: error)
        }
    }

    /// The name for SNI and verification; an address has none, and is verified as an address.
    private static func serverName(_ tls: ClientTLS?, _ address: TransportAddress) -> String? {
        if let name = tls?.serverName { return name }
        guard case .tcp(let host, let port) = address else { return nil }
        return (try? SocketAddress(ipAddress: host, port: port)) == nil ? host : nil
    }

    /// Starts a call. What becomes of it, a refusal included, is told to the receiver.
    ///
    /// - Parameters:
    ///   - path: `/` service `/` method.
    ///   - options: everything else that a call may say.
    package func start(
        _ path: String, options: ClientCallOptions = ClientCallOptions(), receiver: any ClientCallReceiver
    ) -> ClientCallReference {
        let request = GRPCClientRequest(
            path: path, authority: options.authority ?? self.address.authority, scheme: self.scheme,
            timeout: options.timeout, encoding: options.encoding, metadata: options.metadata,
            previousAttempts: options.previousAttempts)
        let reference = ClientCallReference(
            mailbox: self.mailbox, number: self.nextNumber.wrappingAdd(1, ordering: .relaxed).newValue,
            gauge: OutboundGauge(limitBytes: self.limits.writableBelowBytes))
        let start = ClientCallStart(
            number: reference.number, request: request,
            deadline: options.timeout.flatMap { NIODeadline.now().advanced(by: $0) }, receiver: receiver,
            gauge: reference.gauge)
        if !self.mailbox.post(.start(start)) {
            let reason = if case .closed(let reason) = self.state { reason } else { "it was given up" }
            self.mailbox.eventLoop.execute {
                ClientConnectionCore.refuse(start, "the connection is closed: \(reason)")
            }
        }
        return reference
    }

    /// Ends gracefully: no further calls; closes when the open ones are done.
    package func shutDown() async {
        self.mailbox.post(.shutDown)
        await self.waitUntilClosed()
    }

    /// Closes now; open calls finish as UNAVAILABLE.
    package func close() async {
        self.mailbox.post(.close)
        await self.waitUntilClosed()
    }

    /// Closes now, as ``close()`` does, without waiting for it.
    package func closeNow() {
        self.mailbox.post(.close)
    }

    /// Returns when the connection is closed.
    package func waitUntilClosed() async {
        try? await self.channel.closeFuture.get()
    }
}

/// What a call may say beside its path and messages.
package struct ClientCallOptions: Sendable {
    /// Custom metadata, such as `authorization`.
    package var metadata = HeaderList()
    /// How long to wait for the end of the call; `nil` for ever.
    package var timeout: Duration?
    /// How messages are compressed.
    package var encoding = GRPCEncoding.identity
    /// The `:authority`; `nil`: the address.
    package var authority: String?
    /// How many attempts came before this one.
    package var previousAttempts = 0

    package init(metadata: HeaderList = HeaderList(), timeout: Duration? = nil, encoding: GRPCEncoding = .identity) {
        self.metadata = metadata
        self.timeout = timeout
        self.encoding = encoding
    }
}
