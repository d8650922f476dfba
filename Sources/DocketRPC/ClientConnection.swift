package import DocketGRPC
package import DocketHeaders
package import DocketTransport
package import NIOCore
import Synchronization

/// A connection to a server, for calls from any thread. It doesn't reconnect: whoever holds it watches its state and
/// connects anew.
package final class ClientConnection: Sendable {
    private let transport: ClientTransport

    private init(_ transport: ClientTransport) {
        self.transport = transport
    }

    /// Connects; see ``ClientTransport/connect(to:tls:limits:group:stateChanged:)``.
    ///
    /// - Parameter stateChanged: called on the connection's loop each time the state goes forward.
    package static func connect(
        to address: TransportAddress, tls: ClientTLS? = nil, limits: ClientConnectionLimits = ClientConnectionLimits(),
        group: any EventLoopGroup, stateChanged: @escaping @Sendable (ClientConnectionState) -> Void = { _ in }
    ) async throws(TransportError) -> ClientConnection {
        ClientConnection(
            try await ClientTransport.connect(
                to: address, tls: tls, limits: limits, group: group, stateChanged: stateChanged))
    }

    /// Whether calls can be started.
    package var state: ClientConnectionState { self.transport.state }

    /// Ends gracefully: no further calls; closes when the open ones are done.
    package func shutDown() async { await self.transport.shutDown() }

    /// Closes now; open calls finish as UNAVAILABLE.
    package func close() async { await self.transport.close() }

    /// Closes now, without waiting for it.
    package func closeNow() { self.transport.closeNow() }

    /// Returns when the connection is closed.
    package func waitUntilClosed() async { await self.transport.waitUntilClosed() }

    // MARK: Calls

    /// Starts a call whose events come as callbacks on the connection's loop: the cheapest way.
    package func start(
        _ path: String, options: ClientCallOptions = ClientCallOptions(), receiver: any ClientCallReceiver
    ) -> ClientCallReference {
        self.transport.start(path, options: options, receiver: receiver)
    }

    /// Starts a call whose messages come as an asynchronous sequence.
    package func openStream(_ path: String, options: ClientCallOptions = ClientCallOptions()) -> ClientStream {
        let inbox = ClientStreamInbox()
        let reference = self.transport.start(path, options: options, receiver: inbox)
        return ClientStream(reference: reference, inbox: inbox)
    }

    /// A unary call. Cancelling the task cancels the call.
    package func unary(
        _ path: String, _ message: [UInt8], options: ClientCallOptions = ClientCallOptions()
    ) async throws(GRPCStatus) -> [UInt8] {
        try await self.unaryResponse(path, message, options: options).message
    }

    /// A unary call, with the metadata of its answer.
    package func unaryResponse(
        _ path: String, _ message: [UInt8], options: ClientCallOptions = ClientCallOptions()
    ) async throws(GRPCStatus) -> UnaryResponse {
        let receiver = UnaryReceiver()
        let reference = self.transport.start(path, options: options, receiver: receiver)
        reference.send(message)
        reference.end()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { receiver.wait($0) }
        } onCancel: {
            reference.cancel()
        }
        return try result.get()
    }
}

/// The answer of a unary call.
package struct UnaryResponse: Sendable {
    /// The reply.
    package var message: [UInt8]
    /// The response headers.
    package var metadata: HeaderList
    /// The trailers.
    package var trailers: HeaderList
}

/// Gathers the answer of a unary call.
private final class UnaryReceiver: ClientCallReceiver {
    private struct State {
        var metadata = HeaderList()
        var messages: [[UInt8]] = []
        var result: Result<UnaryResponse, GRPCStatus>?
        var continuation: CheckedContinuation<Result<UnaryResponse, GRPCStatus>, Never>?
    }

    private let state = Mutex(State())

    func wait(_ continuation: CheckedContinuation<Result<UnaryResponse, GRPCStatus>, Never>) {
        let result = self.state.withLock { state in
            if state.result == nil { state.continuation = continuation }
            return state.result
        }
        if let result { continuation.resume(returning: result) }
    }

    func metadata(_ metadata: HeaderList) {
        self.state.withLock { $0.metadata = metadata }
    }

    func message(_ bytes: [UInt8]) {
        // Two are enough to know that it is one too many.
        self.state.withLock { if $0.messages.count < 2 { $0.messages.append(bytes) } }
    }

    func finished(_ status: GRPCStatus, trailers: HeaderList) {
        let (continuation, result) = self.state.withLock { state in
            let result: Result<UnaryResponse, GRPCStatus>
            if !status.isOK {
                result = .failure(status)
            } else if state.messages.count == 1 {
                result = .success(
                    UnaryResponse(message: state.messages[0], metadata: state.metadata, trailers: trailers))
            } else {
                result = .failure(
                    GRPCStatus(.unimplemented, "the server answered a unary call with \(state.messages.count) messages")
                )
            }
            state.result = result
            return (state.continuation, result)
        }
        continuation?.resume(returning: result)
    }
}
