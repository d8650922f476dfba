import DocketGRPC
import DocketMessages
import DocketTransport
import NIOCore

/// The calls that answer with a stream: sends what the requests ask for, in their order, and never faster than the client
/// reads.
final class OutputHandler: ServerCallHandler {
    /// When requests are answered.
    enum Turn {
        /// There is one, and then the end.
        case single
        case asTheyCome
        /// When the client has ended its side.
        case afterTheLast
    }

    private enum Step {
        case send(StreamingOutputCallRequest.Response)
        /// The request is answered: what it took of the memory for messages can be given back.
        case done(MessageReservation)
        case finish(GRPCStatus)
    }

    /// What may wait for the client, in bytes, before the next response is held back.
    private static let maxQueuedBytes = 256 << 10

    private let turn: Turn
    private var steps: [Step] = []
    private var requestCount = 0
    private var hasEnded = false
    /// Whether the time before the next response has passed.
    private var hasWaited = false
    private var timer: Scheduled<Void>?

    init(_ turn: Turn, call: ServerCallContext) {
        self.turn = turn
        // The headers go first, and which response shall be compressed is said later.
        call.setReplyEncoding(.gzip)
        call.sendHeaders(call.echoedInitial)
    }

    func receive(_ message: InboundMessage, call: ServerCallContext) {
        self.requestCount += 1
        do throws(GRPCStatus) {
            let request = try self.request(message)
            if let status = request.responseStatus {
                self.steps.append(.finish(status))
            } else {
                self.steps += request.responses.map { .send($0) }
                self.steps.append(.done(message.reservation))
            }
        } catch {
            self.steps.append(.finish(error))
        }
        self.goOn(call)
    }

    func receiveEnd(call: ServerCallContext) {
        self.hasEnded = true
        let isComplete = self.turn != .single || self.requestCount == 1
        self.steps.append(
            .finish(
                isComplete ? .ok : GRPCStatus(.unimplemented, "this call has one message, not \(self.requestCount)")))
        self.goOn(call)
    }

    func outboundDrained(call: ServerCallContext) { self.goOn(call) }

    func cancelled(call: ServerCallContext) {
        self.timer?.cancel()
        self.steps = []
    }

    // MARK: Steps

    private func request(_ message: InboundMessage) throws(GRPCStatus) -> StreamingOutputCallRequest {
        let request = try TestService.read { () throws(MessageError) in
            try StreamingOutputCallRequest(serialized: message.bytes)
        }
        for response in request.responses {
            try TestService.check(payloadSize: response.size, hasKnownType: request.hasKnownResponseType)
        }
        return request
    }

    /// Does what can be done now.
    private func goOn(_ call: ServerCallContext) {
        guard self.turn == .asTheyCome || self.hasEnded else { return }
        while call.isOpen, self.timer == nil, call.queuedOutboundBytes <= Self.maxQueuedBytes,
            let step = self.steps.first
        {
            if case .send(let response) = step, response.interval > .zero, !self.hasWaited {
                self.wait(response.interval, call)
                return
            }
            self.hasWaited = false
            self.steps.removeFirst()
            switch step {
            case .send(let parameters):
                call.send(response(payloadSize: parameters.size), compress: parameters.compressed ?? false)
            case .done(let reservation):
                reservation.release()
            case .finish(let status):
                self.steps = []
                call.finishEchoing(status)
            }
        }
    }

    private func wait(_ interval: Duration, _ call: ServerCallContext) {
        // It comes back by way of the call, so that nothing happens when that is over.
        let (reference, handler) = (call.reference, NIOLoopBound(self, eventLoop: call.connection.eventLoop))
        self.timer = call.connection.eventLoop.scheduleTask(in: .init(interval)) {
            reference.execute { call in
                handler.value.timer = nil
                handler.value.hasWaited = true
                handler.value.goOn(call)
            }
        }
    }
}
