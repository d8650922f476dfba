import DocketCodec
import DocketGRPC
import DocketHTTP2
import DocketHeaders
import DocketModel

/// A collector without sockets, threads and a store: it answers every publish request with the verdict that its events
/// earn, once they have come back from their tuples.
final class FuzzServer {
    static let path = "/docket.v1.CollectorService/PublishStream"
    private static let maxMessageBytes = 256 * 1024

    private let session: HTTP2Session
    private let oracle: EventOracle
    private var calls: [Int32: ServerCall] = [:]
    /// What oracles found broken.
    private(set) var findings: [String] = []
    /// Whether the connection is beyond use.
    private(set) var hasFailed = false
    /// Whether a client broke the rules of gRPC's framing.
    private(set) var hasFaultyFraming = false

    init() throws(FuzzFinding) {
        self.session = try requireNoError("a session") { () throws(HTTP2Error) in try HTTP2Session(role: .server) }
        var limits = Limits()
        limits.maxBatchBytes = Self.maxMessageBytes
        self.oracle = EventOracle(limits: limits)
    }

    /// Takes a piece of the client's bytes; returns what there is to send.
    func exchange(_ bytes: [UInt8]) -> [UInt8] {
        let result = unsafe bytes.withUnsafeBytes { buffer in
            Result { () throws(HTTP2Error) in
                try unsafe self.session.receive(buffer) { unsafe self.take($0, buffer) }
            }
        }
        if case .failure = result { self.hasFailed = true }
        var output: [UInt8] = []
        do throws(HTTP2Error) {
            try unsafe self.session.output { unsafe output.append(contentsOf: $0) }
        } catch {
            self.hasFailed = true
            if error.code == .internal { self.findings.append("the connection broke by a fault of ours: \(error)") }
        }
        self.session.drainEvents { event in
            if case .streamClosed(let streamID, _) = event { self.calls[streamID] = nil }
        }
        return output
    }

    /// The connection is over, with all its streams.
    func close() {
        for streamID in Array(self.calls.keys) { _ = self.calls[streamID]?.streamClosed() }
    }

    // MARK: Events

    private func take(_ event: HTTP2Event, _ buffer: UnsafeRawBufferPointer) {
        switch event {
        case .headers(let streamID, let list):
            var call =
                self.calls[streamID] ?? ServerCall(maxMessageBytes: Self.maxMessageBytes)
            let action = call.receivedHeaders(list)
            self.calls[streamID] = call
            if case .refuse(let block) = action { self.send(.trailersOnly(block), on: streamID) }
        case .data(let streamID, let range):
            unsafe self.calls[streamID]?.receivedData(UnsafeRawBufferPointer(rebasing: buffer[range]))
            self.session.consume(streamID: streamID, bytes: range.count)
            self.session.consumeConnection(bytes: range.count)
            self.run(streamID)
        case .remoteEnded(let streamID):
            self.calls[streamID]?.receivedEnd()
            self.run(streamID)
        case .streamClosed(let streamID, _):
            _ = self.calls[streamID]?.streamClosed()
            self.calls[streamID] = nil
        default:
            break
        }
    }

    private func run(_ streamID: Int32) {
        while let action = self.calls[streamID]?.nextInbound() {
            switch action {
            case .reserve(let wireBytes, _):
                self.session.raiseStreamWindow(streamID: streamID, toBytes: wireBytes)
                self.calls[streamID]?.reservationGranted()
            case .message(let message, _):
                self.answer(message, on: streamID)
            case .end:
                self.act(on: streamID) { $0.finish(.ok) }
            case .fail(let status):
                self.hasFaultyFraming = true
                self.act(on: streamID) { $0.abort(status) }
            }
        }
    }

    private func answer(_ message: [UInt8], on streamID: Int32) {
        do throws(EventOracle.Fault) {
            let batch = try self.oracle.check(message)
            let verdict = batch.verdict(durability: .committed)
            self.act(on: streamID) {
                $0.sendMessage(encodePublishResponse(sequence: batch.key.sequence, verdict: verdict))
            }
        } catch {
            switch error {
            case .finding(let finding): self.findings.append(finding.message)
            case .refused(let refusal):
                self.act(on: streamID) { $0.finish(GRPCStatus(.invalidArgument, refusal.message)) }
            }
        }
    }

    private func act(on streamID: Int32, _ body: (inout ServerCall) -> ServerOutboundAction) {
        guard var call = self.calls[streamID] else { return }
        let action = body(&call)
        self.calls[streamID] = call
        self.send(action, on: streamID)
    }

    private func send(_ action: ServerOutboundAction, on streamID: Int32) {
        do throws(HTTP2Error) {
            switch action {
            case .headers(let list):
                try self.session.submitResponse(streamID: streamID, headers: list, endStream: false)
            case .message(let headers, let frame):
                if let headers {
                    try self.session.submitResponse(streamID: streamID, headers: headers, endStream: false)
                }
                try self.session.sendData(streamID: streamID, frame)
            case .trailers(let headers, let trailers):
                if let headers {
                    try self.session.submitResponse(streamID: streamID, headers: headers, endStream: false)
                }
                try self.session.sendTrailers(streamID: streamID, trailers)
                self.stopReading(streamID)
            case .trailersOnly(let list):
                try self.session.submitResponse(streamID: streamID, headers: list, endStream: true)
                self.stopReading(streamID)
            case .drop: break
            case .misuse(let misuse): self.findings.append("the order of calls was broken: \(misuse)")
            }
        } catch {
            if error.code == .internal || error.code == .streamState { self.findings.append("\(error)") }
        }
    }

    /// Resets what the client has not ended (gRPC, "Early Server Closure").
    private func stopReading(_ streamID: Int32) {
        guard self.calls[streamID]?.remoteHasEnded == false else { return }
        self.session.resetStream(streamID: streamID, errorCode: .noError)
    }
}
