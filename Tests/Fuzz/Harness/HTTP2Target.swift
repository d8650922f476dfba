import DocketHTTP2
import DocketHeaders

/// One side of a connection, with a peer that sends whatever it likes.
enum HTTP2Target {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let flags = input.byte()
        let seed = input.byte()
        var configuration = HTTP2Configuration()
        if flags & 2 != 0 {
            // Limits that a small input can reach.
            configuration.maxConcurrentStreams = 2
            configuration.initialStreamWindowBytes = 64
            configuration.connectionWindowBytes = 65_535
            configuration.maxHeaderListBytes = 256
            configuration.maxOutboundQueuedFrames = 4
            configuration.maxSettingsEntries = 8
            configuration.maxContinuationFrames = 2
            configuration.resetBurstStreams = 4
            configuration.maxUnproductiveFrames = 8
        }
        let role: HTTP2Role = flags & 1 == 0 ? .server : .client
        let session = try requireNoError("a session") { () throws(HTTP2Error) in
            try HTTP2Session(role: role, configuration: configuration)
        }
        let peer = Endpoint(session, answers: flags & 4 != 0, consumes: flags & 8 == 0, resets: flags & 16 != 0)
        if role == .client { peer.openCalls(2) }
        peer.write()
        var bytes = input.remaining()
        // Without the preface a server stops at once: the input shall get further than that.
        if role == .server, flags & 32 == 0 { bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + bytes }
        for piece in Pieces(of: bytes, seed: seed) {
            guard peer.receive(piece), peer.write() else { break }
        }
        try peer.finish()
    }
}

/// A session with an owner that keeps to its rules and notes when the session doesn't.
private final class Endpoint {
    private let session: HTTP2Session
    private let answers: Bool
    private let consumes: Bool
    private let resets: Bool
    /// The streams that the owner knows and that are not closed.
    private var openStreams: Set<Int32> = []
    private var closedStreams: Set<Int32> = []
    private var faults: [String] = []
    private var failure: HTTP2Error?

    init(_ session: HTTP2Session, answers: Bool, consumes: Bool, resets: Bool) {
        self.session = session
        self.answers = answers
        self.consumes = consumes
        self.resets = resets
    }

    /// Opens calls as a client.
    func openCalls(_ count: Int) {
        for index in 0..<count {
            self.attempt { () throws(HTTP2Error) in
                let streamID = try self.session.submitRequest(headers: Self.request, endStream: index == 1)
                self.openStreams.insert(streamID)
                if index == 0 { try self.session.sendData(streamID: streamID, [0, 0, 0, 0, 1, 7]) }
            }
        }
    }

    /// Whether the connection is still of use.
    func receive(_ bytes: [UInt8]) -> Bool {
        let result = unsafe bytes.withUnsafeBytes { buffer in
            Result { () throws(HTTP2Error) in
                try unsafe self.session.receive(buffer) { self.note($0, count: buffer.count) }
            }
        }
        guard case .failure(let error) = result else { return true }
        self.note(error)
        return false
    }

    /// Writes what there is to write; whether the connection is still of use.
    @discardableResult
    func write() -> Bool {
        do throws(HTTP2Error) {
            try unsafe self.session.output { bytes in
                if unsafe bytes.isEmpty { self.faults.append("an empty piece was handed out") }
            }
        } catch {
            self.note(error)
        }
        self.session.drainEvents { self.note($0, count: 0) }
        return self.failure == nil
    }

    /// Ends the connection; throws what was noted.
    func finish() throws(FuzzFinding) {
        if self.failure != nil {
            // Every later call throws the same error.
            if self.receive([0]) { self.faults.append("a failed session took bytes") }
        } else {
            if self.session.openStreamCount < self.openStreams.count {
                self.faults.append("\(self.session.openStreamCount) streams of \(self.openStreams) are open")
            }
            self.session.goAway()
            self.write()
        }
        if self.session.connectionReceiveWindowBytes > max(self.session.configuration.connectionWindowBytes, 65_535) {
            self.faults.append("the connection's window is \(self.session.connectionReceiveWindowBytes) bytes")
        }
        try require(self.faults.isEmpty, self.faults.joined(separator: "; "))
    }

    // MARK: Notes

    private func note(_ error: HTTP2Error) {
        if !error.isConnectionError { self.faults.append("an error of a stream ended the connection: \(error)") }
        if error.code == .internal { self.faults.append("an error of ours ended the connection: \(error)") }
        if let failure = self.failure, failure != error { self.faults.append("\(error) came after \(failure)") }
        self.failure = error
    }

    private func note(_ event: HTTP2Event, count: Int) {
        switch event {
        case .headers(let streamID, let list):
            if self.session.role == .server { self.openStreams.insert(streamID) }
            self.expectOpen(streamID, event)
            if list.sizeBytes > self.session.configuration.maxHeaderListBytes {
                self.faults.append("a header list of \(list.sizeBytes) bytes passed the limit")
            }
            if self.answers { self.answer(streamID) }
        case .data(let streamID, let range):
            self.expectOpen(streamID, event)
            if range.isEmpty || range.lowerBound < 0 || range.upperBound > count {
                self.faults.append("\(event) lies outside of \(count) bytes")
            }
            guard self.consumes else { return }
            self.session.consume(streamID: streamID, bytes: range.count)
            self.session.consumeConnection(bytes: range.count)
        case .remoteEnded(let streamID), .outboundDrained(let streamID):
            self.expectOpen(streamID, event)
        case .streamClosed(let streamID, _):
            self.expectOpen(streamID, event)
            self.openStreams.remove(streamID)
            self.closedStreams.insert(streamID)
        case .settings, .settingsAcknowledged, .pingReceived, .pingAcknowledged, .goAway:
            break
        }
    }

    private func expectOpen(_ streamID: Int32, _ event: HTTP2Event) {
        if !self.openStreams.contains(streamID) || self.closedStreams.contains(streamID) {
            self.faults.append("\(event) is of a stream that isn't open")
        }
    }

    // MARK: Answers

    private func answer(_ streamID: Int32) {
        self.session.raiseStreamWindow(streamID: streamID, toBytes: 100_000)
        guard self.session.role == .server else {
            if self.resets { self.session.resetStream(streamID: streamID, errorCode: .cancel) }
            return
        }
        self.attempt { () throws(HTTP2Error) in
            try self.session.submitResponse(streamID: streamID, headers: Self.response, endStream: false)
            try self.session.sendData(streamID: streamID, [UInt8](repeating: 7, count: 300))
            try self.session.sendTrailers(streamID: streamID, Self.trailers)
        }
        if self.resets { self.session.resetStream(streamID: streamID, errorCode: .noError) }
    }

    /// Does what may fail because the peer was faster, and for no other reason.
    private func attempt(_ body: () throws(HTTP2Error) -> Void) {
        do throws(HTTP2Error) {
            try body()
        } catch {
            if error.code == .internal { self.faults.append("\(error)") }
        }
    }

    private static let request = HeaderList([
        ":method": "POST", ":scheme": "http", ":path": "/a.b/c", ":authority": "localhost",
        "content-type": "application/grpc", "te": "trailers",
    ])
    private static let response = HeaderList([":status": "200", "content-type": "application/grpc"])
    private static let trailers = HeaderList(["grpc-status": "0"])
}
