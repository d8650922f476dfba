import DocketGRPC
import DocketHTTP2
import DocketHeaders
import Logging
import NIOCore

// What goes to the client.
extension ServerConnectionContext {
    /// Ends a call as its handler wants it.
    func finish(_ call: ServerCallContext, status: GRPCStatus, metadata: HeaderList) {
        // Whoever notices first that the deadline has passed.
        if status.code == .cancelled, let deadline = call.deadline, deadline <= .now() { return self.expire(call) }
        self.note(status.code)
        call.handler = nil
        self.releaseMemory(of: call)
        if call.machine.isOpen { self.environment.metrics.callEnded(status.code) }
        self.send(call.machine.finish(status, metadata: metadata), on: call)
    }

    /// Ends a call whose deadline has passed.
    func expire(_ call: ServerCallContext) {
        self.abort(call, GRPCStatus(.deadlineExceeded, "the deadline passed before the call was done"))
    }

    /// Ends a call over its handler's head.
    func abort(_ call: ServerCallContext, _ status: GRPCStatus) {
        self.note(status.code)
        self.releaseMemory(of: call)
        let handler = call.handler
        call.handler = nil
        if call.machine.isOpen { self.environment.metrics.callEnded(status.code) }
        self.send(call.machine.abort(self.environment.router.explained(status)), on: call)
        handler?.cancelled(call: call)
    }

    /// Takes note of how a call, or one of its messages, was answered: some are refused for what they are, not for what the
    /// server can't do now.
    func note(_ code: GRPCCode) {
        switch code {
        case .invalidArgument, .unauthenticated, .permissionDenied, .unimplemented, .resourceExhausted, .outOfRange,
            .internal:
            self.conduct.refused(at: .now())
        default: break
        }
    }

    /// Hands a machine's action to the session. It is written by the flush that ends whatever runs.
    func send(_ action: ServerOutboundAction, on call: ServerCallContext) {
        self.life?.sent()
        switch action {
        case .headers(let headers):
            self.submitResponse(headers, streamID: call.streamID, endStream: false)
        case .message(let headers, let frame):
            if let headers { self.submitResponse(headers, streamID: call.streamID, endStream: false) }
            self.sendData(frame, on: call)
        case .trailers(let headers, let trailers):
            if let headers { self.submitResponse(headers, streamID: call.streamID, endStream: false) }
            self.attempt { session throws(HTTP2Error) in
                try session.sendTrailers(streamID: call.streamID, trailers)
            }
            if !call.machine.remoteHasEnded { self.noteEarlyAnswer(streamID: call.streamID) }
        case .trailersOnly(let headers):
            self.submitResponse(headers, streamID: call.streamID, endStream: true)
            if !call.machine.remoteHasEnded { self.noteEarlyAnswer(streamID: call.streamID) }
        case .drop:
            break
        case .misuse(let misuse):
            self.environment.logger.error(
                "a handler broke the order of its call: \(misuse)", metadata: ["path": "\(call.head.path)"])
        }
    }

    /// How many streams are kept for the sake of their answer.
    private static let maxEarlyAnswers = 100

    func submitResponse(_ headers: HeaderList, streamID: Int32, endStream: Bool) {
        self.attempt { session throws(HTTP2Error) in
            try session.submitResponse(streamID: streamID, headers: headers, endStream: endStream)
        }
    }

    private func sendData(_ frame: [UInt8], on call: ServerCallContext) {
        let queued = self.wire?.session.outboundQueuedBytes ?? 0
        guard queued + frame.count <= self.environment.limits.maxQueuedOutboundBytes else {
            return self.resetUnread(call)
        }
        self.attempt { session throws(HTTP2Error) in try session.sendData(streamID: call.streamID, frame) }
    }

    /// The peer has left too much unread. Frees what the stream has queued; the handler learns it by `streamClosed`.
    func resetUnread(_ call: ServerCallContext) {
        self.environment.metrics.unreadReset()
        self.environment.logger.debug(
            "the peer doesn't read: a call is reset",
            metadata: ["peer": "\(self.peer)", "path": "\(call.head.path)"])
        self.wire?.session.resetStream(streamID: call.streamID, errorCode: .enhanceYourCalm)
    }

    /// The call is answered before the client has ended it: the client is told to stop (gRPC `PROTOCOL-HTTP2.md`, "Early Server
    /// Closure"), but not at once. Clients stop of themselves when they have read the answer, and a proxy that gets the reset
    /// together with the answer may drop the answer.
    func noteEarlyAnswer(streamID: Int32) {
        // Streams that are kept count among those that the client may open.
        guard self.earlyAnswers.count < Self.maxEarlyAnswers else {
            self.wire?.session.resetStream(streamID: streamID, errorCode: .noError)
            return
        }
        let deadline = NIODeadline.now() + .seconds(1)
        self.earlyAnswers[streamID] = deadline
        self.timer.arm(at: deadline)
    }

    private func attempt(_ body: (HTTP2Session) throws(HTTP2Error) -> Void) {
        guard let session = self.wire?.session else { return }
        do {
            try body(session)
        } catch {
            // A stream that is gone meanwhile is a drop like any other; our own faults deserve a line.
            if case .unknownStream = error.code { return }
            self.environment.logger.error("HTTP/2 refused a frame: \(error)", metadata: ["peer": "\(self.peer)"])
        }
    }
}
