import DocketCodec
import DocketGRPC
import DocketHTTP2
import DocketHeaders

/// A server's session, fed with what a client's session sends for publish requests.
enum HTTP2Workloads {
    static let all = [
        Benchmark(name: "http2/receive-batch", unit: .event, operations: Sample.batchEvents) {
            try ReceiveWorkload(message: Sample.request(Sample.events()), requests: 1)
        },
        Benchmark(name: "http2/receive-singles", unit: .request, operations: Sample.singleRequests) {
            try ReceiveWorkload(message: Sample.request(Sample.events(1)), requests: Sample.singleRequests)
        },
        Benchmark(name: "http2/answer-singles", unit: .request, operations: Sample.singleRequests) {
            try AnswerWorkload(message: Sample.request(Sample.events(1)), requests: Sample.singleRequests)
        },
    ]
}

/// Feeds requests, and gives their bytes back to the windows as the transport does. They are answered unseen.
private final class ReceiveWorkload: Workload {
    private let server: ReplayServer

    init(message: [UInt8], requests: Int) throws {
        self.server = try ReplayServer(message: message, requests: requests)
    }

    func prepare() throws {
        try self.server.answer()
        try self.server.nextRequests()
    }

    func run() throws { try self.server.receive() }
}

/// Answers requests: head, one message, trailers. They are fed unseen.
private final class AnswerWorkload: Workload {
    private let server: ReplayServer

    init(message: [UInt8], requests: Int) throws {
        self.server = try ReplayServer(message: message, requests: requests)
    }

    func prepare() throws {
        try self.server.nextRequests()
        try self.server.receive()
    }

    func run() throws { try self.server.answer() }
}

/// A server's session and the bytes of requests on new streams.
///
/// A client's session has written one request; each further one is the same bytes with the next stream's number in its
/// frames. That holds since the header block of a second, equal request changes nothing in HPACK's table.
private final class ReplayServer {
    private static let headers = HeaderList([
        ":method": "POST", ":scheme": "http", ":path": "/docket.v1.CollectorService/Publish",
        ":authority": "127.0.0.1:7480", "te": "trailers", "content-type": "application/grpc",
        "user-agent": "grpc-python/1.60.0 grpc-c/37.0.0 (linux; chttp2)", "grpc-accept-encoding": "identity, gzip",
        "authorization": "Bearer 0123456789abcdef0123456789abcdef", "grpc-timeout": "10S",
    ])
    private static let responseHead = HeaderList([":status": "200", "content-type": "application/grpc"])
    private static let trailers = HeaderList(["grpc-status": "0"])

    private let server: HTTP2Session
    private let requests: Int
    private let messageBytes: Int
    private let answerFrame = MessageFraming.frame(
        encodePublishResponse(sequence: 1, verdict: Sample.verdict(acceptedCount: 1)))
    /// The frames of all requests of a run.
    private var bytes: [UInt8] = []
    /// Where in `bytes` a frame has its stream's number, and which request's that is.
    private var streamIDs: [(offset: Int, request: Int)] = []
    private var nextStreamID: Int32 = 1
    /// Streams whose request is complete.
    private var ended: [Int32] = []

    init(message: [UInt8], requests: Int) throws {
        self.server = try HTTP2Session(role: .server)
        self.requests = requests
        self.messageBytes = message.count
        self.ended.reserveCapacity(requests)
        let client = try HTTP2Session(role: .client)
        let frame = MessageFraming.frame(message)
        // The first request brings the preface and fills HPACK's tables, the second one is what is replayed.
        var request: [UInt8] = []
        for _ in 0..<2 {
            let streamID = try client.submitRequest(headers: Self.headers, endStream: false)
            try client.sendData(streamID: streamID, frame)
            try client.endStream(streamID: streamID)
            request = try self.exchange(with: client)
            try self.answer()
            _ = try self.exchange(with: client)
            self.nextStreamID = streamID + 2
        }
        for index in 0..<requests {
            try self.findStreamIDs(in: request, request: index)
            self.bytes += request
        }
    }

    /// Passes bytes between the two until neither has more to say; returns the client's.
    private func exchange(with client: HTTP2Session) throws -> [UInt8] {
        var sent: [UInt8] = []
        while true {
            var toServer: [UInt8] = []
            try unsafe client.output { unsafe toServer.append(contentsOf: $0) }
            try self.receive(toServer)
            var toClient: [UInt8] = []
            try unsafe self.server.output { unsafe toClient.append(contentsOf: $0) }
            try unsafe toClient.withUnsafeBytes { try unsafe client.receive($0) { _ in } }
            sent += toServer
            if toServer.isEmpty, toClient.isEmpty { return sent }
        }
    }

    private func findStreamIDs(in frames: [UInt8], request: Int) throws {
        var offset = 0
        while offset + 9 <= frames.count {
            let length = frames[offset..<offset + 3].reduce(0) { $0 << 8 | Int($1) }
            guard frames[offset + 5..<offset + 9].contains(where: { $0 != 0 }) else {
                throw WorkloadFault("the client's second request has a frame of the connection in it")
            }
            self.streamIDs.append((self.bytes.count + offset + 5, request))
            offset += 9 + length
        }
    }

    // MARK: Runs

    /// Gives the requests the numbers of new streams, and room for the answers to the last ones.
    func nextRequests() throws {
        for (offset, request) in self.streamIDs {
            let streamID = self.nextStreamID + 2 * Int32(request)
            for byte in 0..<4 {
                self.bytes[offset + byte] = UInt8(truncatingIfNeeded: streamID >> Int32(24 - 8 * byte))
            }
        }
        self.nextStreamID += 2 * Int32(self.requests)
        let credit = self.requests * self.answerFrame.count
        // WINDOW_UPDATE of the connection (RFC 9113 section 6.9).
        try self.receive([0, 0, 4, 8, 0, 0, 0, 0, 0] + (0..<4).map { UInt8(credit >> (24 - 8 * $0) & 0xFF) })
    }

    /// Feeds them, and writes what that makes the session say.
    func receive() throws {
        try self.receive(self.bytes)
        try unsafe self.server.output { keep($0.count) }
        guard self.ended.count == self.requests else {
            throw WorkloadFault("\(self.ended.count) of \(self.requests) requests arrived")
        }
    }

    private func receive(_ bytes: [UInt8]) throws {
        try unsafe bytes.withUnsafeBytes { buffer in
            try unsafe self.server.receive(buffer) { event in
                switch event {
                case .headers(let streamID, let headers):
                    keep(headers)
                    self.server.raiseStreamWindow(streamID: streamID, toBytes: self.messageBytes)
                case .data(let streamID, let range):
                    self.server.consumeConnection(bytes: range.count)
                    self.server.consume(streamID: streamID, bytes: range.count)
                case .remoteEnded(let streamID):
                    self.ended.append(streamID)
                default:
                    break
                }
            }
        }
    }

    /// Answers every request that is complete.
    func answer() throws {
        for streamID in self.ended {
            try self.server.submitResponse(streamID: streamID, headers: Self.responseHead, endStream: false)
            try self.server.sendData(streamID: streamID, self.answerFrame)
            try self.server.sendTrailers(streamID: streamID, Self.trailers)
        }
        self.ended.removeAll(keepingCapacity: true)
        try unsafe self.server.output { keep($0.count) }
        self.server.drainEvents { keep($0) }
        guard self.server.openStreamCount == 0 else {
            throw WorkloadFault("\(self.server.openStreamCount) streams are still open after their answers")
        }
    }
}
