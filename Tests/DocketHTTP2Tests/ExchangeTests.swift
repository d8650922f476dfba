import DocketHeaders
import DocketHTTP2
import DocketTestSupport
import Testing

@Suite("Calls between two sessions")
struct ExchangeTests {
    /// A server that answers each request with its own body, and trailers.
    private static func echo(_ event: HTTP2Event, _ server: HTTP2Session, body: (Int32) -> Body) throws {
        guard case .remoteEnded(let streamID) = event else { return }
        try server.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        try server.sendData(streamID: streamID, body(streamID).bytes)
        try server.sendTrailers(streamID: streamID, Heads.trailers)
    }

    private static func checkExchange(pieceBytes: @escaping () -> Int, body: [UInt8]) throws {
        var wire = try Wire()
        wire.pieceBytes = pieceBytes
        let (client, server) = (wire.client, wire.server)
        server.reaction = { [unowned server] event, session in
            #expect(throws: Never.self) { try Self.echo(event, session) { server.body(of: $0) } }
        }
        let streamID = try client.session.submitRequest(headers: Heads.request, endStream: false)
        try client.session.sendData(streamID: streamID, body)
        try client.session.endStream(streamID: streamID)
        try wire.run()

        let content: [Note] = body.isEmpty ? [] : [.body(streamID, Body(body))]
        #expect(
            server.notes(of: streamID) == [.headers(streamID, Heads.request)] + content
                + [
                    .other(.remoteEnded(streamID: streamID)),
                    .other(.streamClosed(streamID: streamID, errorCode: 0)),
                ])
        #expect(
            client.notes(of: streamID) == [.headers(streamID, Heads.response)] + content
                + [
                    .headers(streamID, Heads.trailers), .other(.remoteEnded(streamID: streamID)),
                    .other(.streamClosed(streamID: streamID, errorCode: 0)),
                ])
        #expect(client.session.openStreamCount == 0)
        #expect(server.session.openStreamCount == 0)
    }

    @Test(
        "a call brings head, body, trailers, end and close to both sides, in that order",
        arguments: [0, 1, 5, 40_000])
    func wholeBuffers(bodyBytes: Int) throws {
        try Self.checkExchange(pieceBytes: { Int.max }, body: [UInt8](repeating: 7, count: bodyBytes))
    }

    @Test("the same events come when every byte arrives by itself")
    func byteByByte() throws {
        try Self.checkExchange(pieceBytes: { 1 }, body: (0..<3_000).map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test("the same events come however the bytes are split")
    func randomSplits() throws {
        var generator = SeededGenerator(seed: testSeed())
        for _ in 0..<40 {
            let largest = [3, 20, 200, 20_000].randomElement(using: &generator) ?? 3
            let body = generator.bytes(Int.random(in: 0...150_000, using: &generator) / (largest < 200 ? 50 : 1))
            var pieces = SeededGenerator(seed: generator.next())
            try Self.checkExchange(pieceBytes: { Int.random(in: 1...largest, using: &pieces) }, body: body)
        }
    }

    @Test("both sides hear of SETTINGS and of their acknowledgement before anything else")
    func settings() throws {
        let wire = try Wire(server: { $0.maxConcurrentStreams = 17 })
        #expect(wire.client.session.remoteMaxConcurrentStreams == 100)
        try wire.run()
        #expect(wire.client.notes == [.other(.settings), .other(.settingsAcknowledged)])
        #expect(wire.server.notes == [.other(.settings), .other(.settingsAcknowledged)])
        #expect(wire.client.session.remoteMaxConcurrentStreams == 17)
    }

    @Test("a head with end of stream is a whole answer: Trailers-Only")
    func trailersOnly() throws {
        let wire = try Wire()
        let refusal = HeaderList([":status": "200", "content-type": "application/grpc", "grpc-status": "16"])
        wire.server.reaction = { event, session in
            guard case .remoteEnded(let streamID) = event else { return }
            #expect(throws: Never.self) {
                try session.submitResponse(streamID: streamID, headers: refusal, endStream: true)
            }
        }
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        #expect(
            wire.client.notes(of: streamID) == [
                .headers(streamID, refusal), .other(.remoteEnded(streamID: streamID)),
                .other(.streamClosed(streamID: streamID, errorCode: 0)),
            ])
    }

    @Test("a body in many chunks, sent over time, arrives whole; each time the queue runs empty, the owner is told")
    func chunksOverTime() throws {
        let wire = try Wire()
        let client = wire.client.session
        let streamID = try client.submitRequest(headers: Heads.request, endStream: false)
        try wire.run()
        for round in 0..<5 {
            for chunk in 0..<20 {
                try client.sendData(streamID: streamID, [UInt8](repeating: UInt8(round * 20 + chunk), count: 100))
            }
            #expect(client.outboundQueuedBytes(streamID: streamID) == 2_000)
            try wire.run()
            #expect(client.outboundQueuedBytes(streamID: streamID) == 0)
            let drained = wire.client.notes.count { $0 == .other(.outboundDrained(streamID: streamID)) }
            #expect(drained == round + 1)
        }
        #expect(wire.server.body(of: streamID).bytes == (0..<100).flatMap { [UInt8](repeating: $0, count: 100) })
        try client.endStream(streamID: streamID)
        try wire.run()
        #expect(wire.server.saw(.remoteEnded(streamID: streamID)))
    }

    @Test("trailers that come after the body was sent need no empty DATA frame")
    func lateTrailers() throws {
        let wire = try Wire()
        let (client, server) = (wire.client, wire.server)
        let streamID = try client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        try server.session.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        try server.session.sendData(streamID: streamID, [1, 2, 3])
        try wire.run()
        try server.session.sendTrailers(streamID: streamID, Heads.trailers)
        let frames = Raw.parse(try server.output())
        #expect(frames.map(\.type) == [1])
        #expect(frames.first?.flags == 5)
        #expect(server.closeCode(of: streamID) == 0)
    }

    @Test("output hands out a piece at a time, control frames first, and nothing is lost between them")
    func outputInPieces() throws {
        let wire = try Wire(client: {
            $0.initialStreamWindowBytes = 1 << 20
            $0.connectionWindowBytes = 1 << 20
        })
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: false)
        try wire.run()
        let server = wire.server.session
        let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        try server.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        try server.sendData(streamID: streamID, body)
        try server.sendTrailers(streamID: streamID, Heads.trailers)
        var received: [UInt8] = []
        var pieces = 0
        while server.wantsWrite {
            if pieces == 2 { server.ping(payload: 0) }
            let piece = try wire.server.output(upToBytes: 50_000)
            #expect(piece.count < 50_000 + 16_384 + 9 && !piece.isEmpty)
            let frames = Raw.parse(piece)
            if pieces == 2 { #expect(frames.first?.type == 6) }
            received += frames.filter { $0.type == 0 }.flatMap(\.payload)
            pieces += 1
        }
        #expect(pieces >= 5)
        #expect(received == body)
    }

    @Test("a reset that follows an answer which fills its piece comes with the next")
    func resetBehindPiece() throws {
        let wire = try Wire()
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: false)
        try wire.run()
        let server = wire.server.session
        try server.submitResponse(streamID: streamID, headers: Heads.response, endStream: true)
        server.resetStream(streamID: streamID, errorCode: .noError)
        var frames: [UInt8] = []
        while server.wantsWrite { frames += Raw.parse(try wire.server.output(upToBytes: 1)).map(\.type) }
        #expect(frames == [1, 3])
    }

    @Test("a reply that is queued whole goes out as three frames in one call of output")
    func replyFrames() throws {
        let wire = try Wire()
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        let server = wire.server.session
        try server.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        try server.sendData(streamID: streamID, [1, 2])
        try server.sendData(streamID: streamID, [3])
        try server.sendTrailers(streamID: streamID, Heads.trailers)
        let frames = Raw.parse(try wire.server.output())
        #expect(frames.map(\.type) == [1, 0, 1])
        #expect(frames[1].payload == [1, 2, 3])
        #expect(!server.wantsWrite)
    }

    @Test("informational responses are left out")
    func informational() throws {
        let client = try Endpoint(.client)
        let streamID = try client.session.submitRequest(headers: Heads.request, endStream: true)
        _ = try client.output()
        try client.receive(
            Raw.settings() + Raw.headers(stream: 1, HeaderList([":status": "103"]))
                + Raw.headers(stream: 1, Heads.response) + Raw.headers(stream: 1, Heads.trailers, end: true))
        #expect(
            client.notes(of: streamID).prefix(2) == [
                .headers(streamID, Heads.response), .headers(streamID, Heads.trailers),
            ])
    }

    @Test("a thousand calls at once come to their end, each with its own body")
    func manyStreams() throws {
        let seed = testSeed()
        var generator = SeededGenerator(seed: seed)
        var wire = try Wire(server: { $0.connectionWindowBytes = 100_000 })
        var pieces = SeededGenerator(seed: generator.next())
        wire.pieceBytes = { Int.random(in: 1...50_000, using: &pieces) }
        let (client, server) = (wire.client, wire.server)
        server.reaction = { [unowned server] event, session in
            #expect(throws: Never.self) { try Self.echo(event, session) { server.body(of: $0) } }
        }
        try wire.run()
        var sent: [Int32: [UInt8]] = [:]
        for _ in 0..<1_000 {
            let streamID = try client.session.submitRequest(headers: Heads.request, endStream: false)
            let body = generator.bytes(Int.random(in: 0...300, using: &generator))
            sent[streamID] = body
            try client.session.sendData(streamID: streamID, body)
            try client.session.endStream(streamID: streamID)
        }
        try wire.run()
        var received: [Int32: [UInt8]] = [:]
        for case .body(let streamID, let bytes) in client.notes { received[streamID, default: []] += bytes.bytes }
        #expect(received == sent.filter { !$0.value.isEmpty })
        #expect(sent.keys.allSatisfy { client.closeCode(of: $0) == 0 })
        #expect(server.session.openStreamCount == 0)
    }

    @Test("requests above the peer's limit wait, and take data meanwhile")
    func waitingRequests() throws {
        let wire = try Wire(server: { $0.maxConcurrentStreams = 1 })
        let (client, server) = (wire.client, wire.server)
        try wire.run()
        let first = try client.session.submitRequest(headers: Heads.request, endStream: true)
        let second = try client.session.submitRequest(headers: Heads.request, endStream: false)
        try client.session.sendData(streamID: second, [9])
        try client.session.endStream(streamID: second)
        try wire.run()
        #expect(server.notes(of: second) == [])
        try server.session.submitResponse(streamID: first, headers: Heads.response, endStream: true)
        try wire.run()
        #expect(server.body(of: second) == Body([9]))
        #expect(server.saw(.remoteEnded(streamID: second)))
    }
}
