import DocketGRPC
package import DocketTransport
package import Logging
package import NIOCore
import Synchronization

/// How a server listens and what it may cost.
package struct RPCServerConfiguration: Sendable {
    /// Where to listen.
    package var address: TransportAddress
    /// The certificate; `nil` for plain text.
    package var tls: ServerTLS?
    /// The bounds of a connection.
    package var limits = ServerConnectionLimits()
    /// How many `async` calls may run at once.
    package var maxConcurrentAsyncCalls = 64
    /// And how many that answer by a stream: these keep their places for long, and leave the others theirs.
    package var maxConcurrentStreams = 128
    /// How long a graceful stop waits for accepted calls.
    package var shutdownGrace = Duration.seconds(30)

    package init(address: TransportAddress, tls: ServerTLS? = nil) {
        self.address = address
        self.tls = tls
    }
}

/// A gRPC server: `start` it, or `run` it until its task is cancelled, then ``shutDown()``.
package final class RPCServer: Sendable {
    private enum State {
        case idle
        case starting
        case running(ServerListener, asyncCalls: Task<Void, Never>)
        case stopped
    }

    /// The bounds.
    package let configuration: RPCServerConfiguration
    /// The memory for messages in flight.
    package let budget: MemoryBudget
    private let methods: MethodTable
    private let asyncCalls: AsyncCallRunner
    private let group: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State.idle)

    /// - Parameters:
    ///   - budget: the memory for messages in flight; at least twice the largest message.
    ///   - group: the event loops; they outlive the server.
    ///   - methods: fills the table; async unary methods are registered there too.
    package init(
        configuration: RPCServerConfiguration, budget: MemoryBudget, group: any EventLoopGroup, logger: Logger,
        methods: (inout RPCMethods) -> Void
    ) {
        self.configuration = configuration
        self.budget = budget
        self.group = group
        self.logger = logger
        self.asyncCalls = AsyncCallRunner(
            maxConcurrent: [
                .unary: configuration.maxConcurrentAsyncCalls, .stream: configuration.maxConcurrentStreams,
            ])
        var collected = RPCMethods(runner: self.asyncCalls)
        methods(&collected)
        self.methods = collected.table
    }

    /// Starts to listen. Once.
    ///
    /// - Returns: where it listens, with the real port.
    package func start() async throws(TransportError) -> TransportAddress {
        try self.beginStart()
        do throws(TransportError) {
            let listener = try await ServerListener.start(
                on: self.configuration.address, tls: self.configuration.tls, limits: self.configuration.limits,
                budget: self.budget, router: self.methods, group: self.group, logger: self.logger)
            // Owned by the server: `shutDown` waits for its end.
            let runner = Task { [asyncCalls] in await asyncCalls.run() }
            let wasStopped = self.state.withLock { state in
                guard case .starting = state else { return true }
                state = .running(listener, asyncCalls: runner)
                return false
            }
            if wasStopped {
                await self.stop(listener, runner)
                throw TransportError(.closed, "the server was shut down while it started")
            }
            return listener.address
        } catch {
            self.state.withLock { state in if case .starting = state { state = .idle } }
            throw error
        }
    }

    private func beginStart() throws(TransportError) {
        let isFirst = self.state.withLock { state in
            guard case .idle = state else { return false }
            state = .starting
            return true
        }
        guard isFirst else { throw TransportError(.closed, "a server is started once, and not after its end") }
    }

    /// Starts, and stops gracefully when the task is cancelled.
    ///
    /// - Parameter started: called with the address once it listens.
    package func run(started: @Sendable (TransportAddress) -> Void = { _ in }) async throws(TransportError) {
        started(try await self.start())
        let (cancelled, continuation) = AsyncStream.makeStream(of: Never.self)
        await withTaskCancellationHandler {
            for await _ in cancelled {}
        } onCancel: {
            continuation.finish()
        }
        await self.shutDown()
    }

    /// How many connections are open.
    package var connectionCount: Int {
        self.state.withLock { state in
            if case .running(let listener, _) = state { return listener.connectionCount }
            return 0
        }
    }

    /// Stops gracefully: accepts nothing more, finishes the accepted calls, and closes; after the configured grace it
    /// closes what is left. Returns when all is closed. A second call returns at once.
    package func shutDown() async {
        let running = self.state.withLock { state -> (ServerListener, Task<Void, Never>)? in
            defer { state = .stopped }
            if case .running(let listener, let runner) = state { return (listener, runner) }
            return nil
        }
        if let (listener, runner) = running { await self.stop(listener, runner) }
    }

    private func stop(_ listener: ServerListener, _ runner: Task<Void, Never>) async {
        await listener.shutDown(grace: self.configuration.shutdownGrace)
        self.asyncCalls.finish()
        // Whoever asked for these is gone.
        runner.cancel()
        await runner.value
    }
}

/// What a server's methods are registered with.
package struct RPCMethods {
    fileprivate(set) var table = MethodTable()
    let runner: AsyncCallRunner

    /// Adds a method that is answered on the event loop.
    package mutating func register(
        _ service: String, _ method: String, _ factory: @escaping MethodTable.HandlerFactory
    ) {
        self.table.register(service, method, factory)
    }

    /// Adds a unary method that is an `async` function.
    ///
    /// - Parameters:
    ///   - admit: called on the call's event loop, before the message is read; what it throws refuses the call at once.
    ///   - body: the method; what `admit` has returned comes with the message.
    package mutating func registerUnary<Admission: Sendable>(
        _ service: String, _ method: String,
        admit: @escaping CallAdmission<Admission>, _ body: @escaping AdmittedUnaryMethod<Admission>
    ) {
        let runner = self.runner
        self.table.register(service, method) { call throws(GRPCStatus) in
            let admission = try admit(call)
            return runner.handler { _, message throws(GRPCStatus) in try await body(admission, message) }
        }
    }

    /// Adds a unary method that is an `async` function and that everybody may call.
    package mutating func registerUnary(_ service: String, _ method: String, _ body: @escaping AsyncUnaryMethod) {
        let runner = self.runner
        self.table.register(service, method) { _ in runner.handler(body) }
    }
}
