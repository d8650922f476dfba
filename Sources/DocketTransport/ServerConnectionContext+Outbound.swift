import DocketGRPC
import DocketHTTP2
import DocketHeaders
import Logging
import NIOCore

// What goes to the client.
extension ServerConnectionContext {
    /// Ends a call as its handler wants it.
    func finish(_ call: ServerCallContext, status: GRPCStatus, metadata: HeaderList) {
        call.handler = nil
        self.forgetAnnounced(call)
        if call.machine.isOpen { self.environment.metrics.callEnded(status.code) }
        self.send(call.machine.finish(status, metadata: metadata), on: call)
    }

    /// Ends a call over its handler's head.
    func abort(_ call: ServerCallContext, _ status: GRPCStatus) {
        self.forgetAnnounced(call)
        let handler = call.handler
        call.handler = nil
        if call.machine.isOpen { self.environment.metrics.callEnded(status.code) }
        self.send(call.machine.abort(self.environment.router.explained(status)), on: call)
        handler?.cancelled(call: call)
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
            self.noteEarlyAnswer(call)
        case .trailersOnly(let headers):
            self.submitResponse(headers, streamID: call.streamID, endStream: true)
            self.noteEarlyAnswer(call)
        case .drop:
            break
        case .misuse(let misuse):
            self.environment.logger.error(
                "a handler broke the order of its call: \(misuse)", metadata: ["path": "\(call.head.path)"])
        }
    }

    func submitResponse(_ headers: HeaderList, streamID: Int32, endStream: Bool) {
        self.attempt { session throws(HTTP2Error) in
            try session.submitResponse(streamID: streamID, headers: headers, endStream: endStream)
        }
    }

    private func sendData(_ frame: [UInt8], on call: ServerCallContext) {
        call.queuedBytes += frame.count
        guard self.hasRoom(for: frame.count) else {
            self.environment.metrics.unreadReset()
            self.environment.logger.debug(
                "the peer doesn't read: a call is reset",
                metadata: ["peer": "\(self.peer)", "path": "\(call.head.path)"])
            // Frees what the stream has queued; the handler learns it by `streamClosed`.
            self.wire?.session.resetStream(streamID: call.streamID, errorCode: .enhanceYourCalm)
            return
        }
        self.attempt { session throws(HTTP2Error) in try session.sendData(streamID: call.streamID, frame) }
    }

    /// Whether the peer has left little enough unread. Counts exactly only when the upper bounds say it is too much.
    private func hasRoom(for bytes: Int) -> Bool {
        let limit = self.environment.limits.maxQueuedOutboundBytes
        self.queuedOutboundBytes += bytes
        guard self.queuedOutboundBytes > limit, let session = self.wire?.session else { return true }
        self.queuedOutboundBytes = bytes
        for call in self.calls.values {
            self.queuedOutboundBytes += session.outboundQueuedBytes(streamID: call.streamID)
        }
        return self.queuedOutboundBytes <= limit
    }

    /// The call is answered before the client has ended it: once the answer is out, the client is told to stop (gRPC
    /// `PROTOCOL-HTTP2.md`, "Early Server Closure"). The session waits with the reset until then.
    private func noteEarlyAnswer(_ call: ServerCallContext) {
        guard !call.machine.remoteHasEnded else { return }
        self.wire?.session.resetStream(streamID: call.streamID, errorCode: .noError)
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
