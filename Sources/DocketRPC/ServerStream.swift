package import DocketGRPC
internal import DocketTransport
import NIOCore
import Synchronization

/// A method that answers one message by a stream of them, as an `async` function. It runs in the server's task group and
/// is cancelled when the call is.
package typealias AdmittedStreamMethod<Admission> =
    @Sendable (_ admission: Admission, _ message: [UInt8], _ replies: ServerStream) async throws(GRPCStatus) -> Void

/// The replies of a server-streaming call.
package struct ServerStream: Sendable {
    /// How long a client may leave a message unread, before the call is given up.
    private static let maxStall = TimeAmount.seconds(120)

    private let reference: ServerCallReference
    private let gate: StreamGate

    fileprivate init(reference: ServerCallReference, gate: StreamGate) {
        self.reference = reference
        self.gate = gate
    }

    /// Sends a message once the one before has been handed to the socket: a client that reads slowly holds the method
    /// up, and two messages are in memory at most.
    ///
    /// - Throws: UNAVAILABLE when the connection is to end, or when nothing has been read for two minutes; CANCELLED when nobody
    ///   waits for the answer any more.
    package func send(_ message: [UInt8]) async throws(GRPCStatus) {
        let gate = self.gate
        let stall = self.reference.eventLoop.scheduleTask(in: Self.maxStall) { gate.end(.stalled) }
        defer { stall.cancel() }
        if let end = await self.gate.pass().status { throw end }
        self.reference.execute { call in
            gate.sent()
            call.send(message)
        }
    }

    /// Calls `body` when nothing can be sent any more, from any thread, at once if that is so already: for a method that waits for
    /// something to send. One body a stream.
    package func onEnd(_ body: @escaping @Sendable () -> Void) { self.gate.onEnd(body) }

    /// Why nothing can be sent any more; `nil` when something can.
    package var end: GRPCStatus? { self.gate.end?.status }
}

extension RPCMethods {
    /// Adds a method with one request and a stream of replies.
    ///
    /// - Parameters:
    ///   - admit: called on the call's event loop, before the message is read; what it throws refuses the call at once.
    ///   - body: the method; what `admit` has returned comes with the message.
    package mutating func registerServerStream<Admission: Sendable>(
        _ service: String, _ method: String,
        admit: @escaping CallAdmission<Admission>, _ body: @escaping AdmittedStreamMethod<Admission>
    ) {
        let runner = self.runner
        self.register(service, method) { call throws(GRPCStatus) in
            ServerStreamHandler(admission: try admit(call), runner: runner, body: body)
        }
    }
}

/// One call: waits for the request as a unary call does, and lets the method know how its replies get on.
private final class ServerStreamHandler: ServerCallHandler {
    private let request: UnaryHandler
    private let gate: StreamGate

    init<Admission: Sendable>(
        admission: Admission, runner: AsyncCallRunner, body: @escaping AdmittedStreamMethod<Admission>
    ) {
        let gate = StreamGate()
        let running = RunningCall()
        self.gate = gate
        self.request = UnaryHandler(onCancel: { running.signal?.cancel() }) { message, call in
            let reference = call.reference
            do throws(GRPCStatus) {
                running.signal = try runner.submit(.stream) {
                    defer { message.reservation.release() }
                    do throws(GRPCStatus) {
                        try await body(admission, message.bytes, ServerStream(reference: reference, gate: gate))
                        reference.finish(.ok)
                    } catch {
                        reference.finish(error)
                    }
                }
                call.sendHeaders()
            } catch {
                call.finish(error)
            }
        }
    }

    func receive(_ message: InboundMessage, call: ServerCallContext) { self.request.receive(message, call: call) }

    func receiveEnd(call: ServerCallContext) { self.request.receiveEnd(call: call) }

    func outboundDrained(call: ServerCallContext) { self.gate.drained() }

    func draining(call: ServerCallContext) { self.gate.end(.draining) }

    func cancelled(call: ServerCallContext) {
        self.gate.end(.cancelled)
        self.request.cancelled(call: call)
    }
}

/// Confined to the call's event loop.
private final class RunningCall {
    var signal: CancellationSignal?
}

/// Lets one message through at a time.
private final class StreamGate: Sendable {
    enum Passage {
        case open, draining, stalled, cancelled

        /// What the call ends with; `nil` for ``open``.
        var status: GRPCStatus? {
            switch self {
            case .open: nil
            case .stalled: GRPCStatus(.unavailable, "nothing has been read for two minutes; call again to go on")
            case .draining: GRPCStatus(.unavailable, "the connection is being drained; go on by another one")
            case .cancelled: GRPCStatus(.cancelled, "the call is over")
            }
        }
    }

    private struct State {
        /// A message has been let through that the socket doesn't have yet.
        var isTaken = false
        /// The call has it: what drains from now on is this message too.
        var isSent = false
        var end: Passage?
        var waiter: CheckedContinuation<Passage, Never>?
        var onEnd: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Waits until a message may be sent. For one sender.
    func pass() async -> Passage {
        await withCheckedContinuation { continuation in
            let passage = self.state.withLock { state -> Passage? in
                if let end = state.end { return end }
                if state.isTaken {
                    state.waiter = continuation
                    return nil
                }
                state.isTaken = true
                return .open
            }
            if let passage { continuation.resume(returning: passage) }
        }
    }

    /// The message that was let through is with the call now.
    func sent() { self.state.withLock { $0.isSent = true } }

    /// Everything that the call has is with the socket.
    func drained() {
        let waiter = self.state.withLock { state -> CheckedContinuation<Passage, Never>? in
            guard state.isSent else { return nil }
            state.isSent = false
            // Whoever waits takes the place.
            state.isTaken = state.waiter != nil
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: .open)
    }

    /// Lets nothing through any more.
    func end(_ end: Passage) {
        let (waiter, onEnd) = self.state.withLock { state in
            state.end = state.end ?? end
            defer { (state.waiter, state.onEnd) = (nil, nil) }
            return (state.waiter, state.onEnd)
        }
        waiter?.resume(returning: end)
        onEnd?()
    }

    var end: Passage? { self.state.withLock { $0.end } }

    func onEnd(_ body: @escaping @Sendable () -> Void) {
        let isOver = self.state.withLock { state in
            if state.end == nil { state.onEnd = body }
            return state.end != nil
        }
        if isOver { body() }
    }
}
