import DocketGRPC
import DocketHeaders
import DocketTestSupport
import Testing

/// Client and server, wired back to back, with the bytes between them cut at random.
@Suite("client and server call together")
struct CallPairTests {
    @Test("a server that echoes: every message comes back in order, then the status, however the bytes are cut")
    func echo() throws {
        var generator = SeededGenerator.ofRun("call pairs")
        for round in 0..<200 {
            let gzip = Bool.random(using: &generator)
            let messages = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                pattern(Int.random(in: 0...2_000, using: &generator), seed: round)
            }
            let status =
                Bool.random(using: &generator)
                ? GRPCStatus.ok : GRPCStatus(.aborted, "round \(round) “é”", details: [1, 2])
            var pair = CallPair(gzip: gzip, status: status)
            try pair.run(messages, using: &generator)
            #expect(pair.echoed == messages)
            #expect(pair.status == status)
        }
    }
}

/// Drives both calls until the client has its status.
private struct CallPair {
    private var client = ClientCall(maxMessageBytes: 2_000)
    private var server: ServerCall
    private let gzip: Bool
    private let finalStatus: GRPCStatus
    private var toServer: [UInt8] = []
    private var toClient: [UInt8] = []
    private var trailers: HeaderList?
    private var clientEnded = false
    var echoed: [[UInt8]] = []
    var status: GRPCStatus?

    init(gzip: Bool, status: GRPCStatus) {
        self.server = ServerCall(maxMessageBytes: 2_000)
        self.gzip = gzip
        self.finalStatus = status
    }

    mutating func run(_ messages: [[UInt8]], using generator: inout SeededGenerator) throws {
        let request = GRPCClientRequest(
            path: "/s/m", authority: "a", scheme: "http", encoding: self.gzip ? .gzip : .identity)
        guard case .accept = self.server.receivedHeaders(self.client.start(request)) else { throw Missing() }
        for message in messages {
            guard case .message(let frame) = self.client.sendMessage(message) else { throw Missing() }
            self.toServer += frame
        }
        guard self.client.sendEnd() == .end else { throw Missing() }
        while self.status == nil {
            self.moveToServer(using: &generator)
            try self.serve()
            self.moveToClient(using: &generator)
            try self.take()
        }
    }

    private mutating func moveToServer(using generator: inout SeededGenerator) {
        let count = Int.random(in: 0...max(1, self.toServer.count), using: &generator)
        self.server.receive(self.toServer.prefix(count))
        self.toServer.removeFirst(min(count, self.toServer.count))
        if self.toServer.isEmpty, !self.clientEnded {
            self.clientEnded = true
            self.server.receivedEnd()
        }
    }

    private mutating func serve() throws {
        while let action = self.server.nextInbound() {
            switch action {
            case .reserve: self.server.reservationGranted()
            case .message(let message, _): try self.send(self.server.sendMessage(message))
            case .end: try self.send(self.server.finish(self.finalStatus))
            case .fail(let status): throw status
            }
        }
    }

    private mutating func send(_ action: ServerOutboundAction) throws {
        switch action {
        case .message(let headers, let frame):
            if let headers { self.client.receivedHeaders(headers) }
            self.toClient += frame
        case .trailers(let headers, let trailers):
            if let headers { self.client.receivedHeaders(headers) }
            self.trailers = trailers
        case .trailersOnly(let block): self.trailers = block
        case .headers, .drop, .misuse: throw Missing()
        }
    }

    private mutating func moveToClient(using generator: inout SeededGenerator) {
        let count = Int.random(in: 0...max(1, self.toClient.count), using: &generator)
        // No DATA frame comes before the headers, not even an empty one.
        if !self.toClient.isEmpty { self.client.receive(self.toClient.prefix(count)) }
        self.toClient.removeFirst(min(count, self.toClient.count))
        if self.toClient.isEmpty, let trailers = self.trailers {
            self.client.receivedHeaders(trailers)
            self.client.receivedEnd()
            self.client.streamClosed(errorCode: 0)
            self.trailers = nil
        }
    }

    private mutating func take() throws {
        while let action = self.client.nextInbound() {
            switch action {
            case .metadata: break
            case .reserve: self.client.reservationGranted()
            case .message(let message): self.echoed.append(message)
            case .status(let status, _): self.status = status
            case .fail(let status): throw status
            }
        }
    }
}
