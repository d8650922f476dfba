import DocketHeaders
import DocketHTTP2
import DocketTestSupport
import Testing

@Suite("Peers that misbehave")
struct AbuseTests {
    /// Feeds bytes and lets the answers out; returns the first error.
    private static func feed(_ server: Endpoint, _ bytes: [UInt8]) -> HTTP2Error? {
        do throws(HTTP2Error) {
            try server.receive(bytes)
            _ = try server.output()
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "what is no HTTP/2 is refused, and the error says what it looks like",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1"), ("\u{16}\u{03}\u{01}\u{02}\u{00}", "TLS"),
            ("SSH-2.0-OpenSSH_9.2\r\n", "no protocol known"), ("PRI * HTTP/1.0\r\n\r\nSM\r\n\r\n", "no protocol known"),
        ])
    func noPreface(bytes: String, hint: String) throws {
        let server = try Endpoint(.server)
        let error = Self.feed(server, Array(bytes.utf8))
        #expect(error?.code == .badClientPreface)
        #expect(error?.message.contains(hint) == true)
        #expect(error?.isConnectionError == true)
        #expect(server.notes == [])
        #expect(Self.feed(server, Raw.clientStart) == error)
        #expect(!server.session.wantsRead && !server.session.wantsWrite)
    }

    @Test("a preface cut short at any byte is an error once the peer closes, and none before")
    func truncatedPreface() throws {
        for count in 0..<Raw.clientStart.count {
            let server = try Endpoint(.server)
            try server.receive(Array(Raw.clientStart.prefix(count)))
            let error = #expect(throws: HTTP2Error.self) { try server.session.receiveEnd() }
            #expect(error?.code == .truncatedPreface)
        }
        let server = try Endpoint(.server)
        try server.receive(Raw.clientStart)
        try server.session.receiveEnd()
    }

    /// Frames that break the connection, and with which error.
    static let badFrames: [(name: String, bytes: [UInt8], code: HTTP2ErrorCode)] = [
        ("a frame above the limit", Raw.frame(0, stream: 1, [UInt8](repeating: 0, count: 16_385)), .frameSizeError),
        ("DATA on stream 0", Raw.data(stream: 0, [1]), .protocolError),
        ("DATA on an idle stream", Raw.data(stream: 5, [1]), .protocolError),
        ("HEADERS on an even stream", Raw.headers(stream: 2, Heads.request), .protocolError),
        (
            "a header block that is no HPACK", Raw.frame(1, flags: 5, stream: 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            .compressionError
        ),
        ("SETTINGS of five bytes", Raw.frame(4, [0, 0, 0, 0, 0]), .frameSizeError),
        ("a window above its maximum", Raw.settings([(4, 0x8000_0000)]), .flowControlError),
        ("a PING of seven bytes", Raw.frame(6, [0, 0, 0, 0, 0, 0, 0]), .frameSizeError),
        ("CONTINUATION out of the blue", Raw.frame(9, flags: 4, stream: 1, []), .protocolError),
        (
            "DATA inside a header block",
            Raw.headers(stream: 1, Heads.request, endsBlock: false)
                + Raw.data(stream: 1, [1]), .protocolError
        ),
        (
            "padding longer than the frame",
            Raw.headers(stream: 1, Heads.request)
                + Raw.frame(0, flags: 8, stream: 1, [200, 1, 2]), .protocolError
        ),
        ("PUSH_PROMISE from a client", Raw.frame(5, flags: 4, stream: 1, Raw.big(2)), .protocolError),
    ]

    @Test("frames that break the connection end it with a GOAWAY that says why", arguments: badFrames.indices)
    func badFrame(index: Int) throws {
        let bad = Self.badFrames[index]
        let server = try Endpoint(.server)
        try server.receive(Raw.clientStart)
        _ = try server.output()
        try server.receive(bad.bytes)
        let (bytes, error) = server.outputAndError()
        #expect(error?.code == .protocolViolation(bad.code), "\(bad.name)")
        let goAway = Raw.parse(bytes).first { $0.type == 7 }
        #expect(goAway.map { Array($0.payload[4..<8]) } == Raw.big(bad.code.rawValue), "\(bad.name)")
        #expect(throws: HTTP2Error.self) { try server.receive(Raw.ping()) }
    }

    /// Heads that are malformed (RFC 9113 sections 8.2 and 8.3).
    static let badHeads: [HeaderList] = [
        HeaderList([":method": "POST", ":scheme": "http"]),
        HeaderList([":method": "POST", ":scheme": "http", ":path": "/", "Upper": "x"]),
        HeaderList([":method": "POST", ":scheme": "http", ":path": "/", "x": "a\nb"]),
        HeaderList([":method": "POST", ":scheme": "http", ":path": "/", "connection": "close"]),
        HeaderList([":method": "POST", ":scheme": "http", ":path": "/", "te": "gzip"]),
        HeaderList([":method": "POST", "x": "y", ":scheme": "http", ":path": "/"]),
        HeaderList([":status": "200"]),
    ]

    @Test("a malformed request resets its stream, is no event, and leaves its neighbours alone", arguments: badHeads)
    func malformed(head: HeaderList) throws {
        let server = try Endpoint(.server)
        try server.receive(Raw.clientStart + Raw.headers(stream: 1, head, end: true))
        let frames = Raw.parse(try server.output())
        #expect(frames.contains { $0.type == 3 && $0.stream == 1 && $0.payload == Raw.big(1) })
        try server.receive(Raw.headers(stream: 3, Heads.request, end: true))
        #expect(server.notes(of: 1) == [])
        #expect(server.notes(of: 3).first == .headers(3, Heads.request))
        #expect(server.session.openStreamCount == 1)
    }

    @Test("a header list over the limit resets its stream with ENHANCE_YOUR_CALM; at the limit it is taken")
    func largeHeaders() throws {
        for (excess, isTaken) in [(0, true), (1, false)] {
            let server = try Endpoint(.server) { $0.maxHeaderListBytes = 2_000 }
            var head = Heads.request
            let room = 2_000 - head.sizeBytes - 32 - 1
            head.append("x", String(repeating: "v", count: room + excess))
            try server.receive(Raw.clientStart + Raw.headers(stream: 1, head) + Raw.data(stream: 1, [1], end: true))
            let resets = Raw.parse(try server.output()).filter { $0.type == 3 }
            #expect(resets.isEmpty == isTaken)
            #expect((server.notes(of: 1).first == .headers(1, head)) == isTaken)
            if !isTaken {
                #expect(resets.first?.payload == Raw.big(0xb))
                #expect(server.notes(of: 1) == [])
            }
            try server.receive(Raw.headers(stream: 3, Heads.request))
            #expect(server.notes(of: 3) == [.headers(3, Heads.request)])
        }
    }

    @Test("trailers over the limit close a stream that the owner knows")
    func largeTrailers() throws {
        let wire = try Wire(client: { $0.maxHeaderListBytes = 500 })
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        let server = wire.server.session
        try server.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        try server.sendTrailers(streamID: streamID, HeaderList(["grpc-message": String(repeating: "x", count: 600)]))
        try wire.run()
        #expect(
            wire.client.notes(of: streamID) == [
                .headers(streamID, Heads.response), .other(.streamClosed(streamID: streamID, errorCode: 0xb)),
            ])
    }

    @Test("pings without reading the answers end the connection")
    func pingFlood() throws {
        let server = try Endpoint(.server) { $0.maxOutboundQueuedFrames = 100 }
        try server.receive(Raw.clientStart)
        let error = #expect(throws: HTTP2Error.self) {
            for _ in 0..<200 { try server.receive(Raw.ping()) }
        }
        #expect(error?.code == .flooded)
    }

    @Test("SETTINGS without reading the acknowledgements end the connection")
    func settingsFlood() throws {
        let server = try Endpoint(.server) { $0.maxOutboundQueuedFrames = 100 }
        try server.receive(Raw.clientStart)
        let error = #expect(throws: HTTP2Error.self) {
            for _ in 0..<200 { try server.receive(Raw.settings()) }
        }
        #expect(error?.code == .flooded)
    }

    @Test("a header block in too many frames ends the connection")
    func continuationFlood() throws {
        let server = try Endpoint(.server)
        var bytes = Raw.clientStart + Raw.headers(stream: 1, Heads.request, endsBlock: false)
        for _ in 0..<20 { bytes += Raw.frame(9, stream: 1, Raw.block(HeaderList(["x": "y"]))) }
        let error = Self.feed(server, bytes)
        #expect(error?.code == .protocolViolation(.enhanceYourCalm))
        #expect(server.notes(of: 1) == [])
    }

    @Test("streams opened and reset in a burst end the connection")
    func rapidReset() throws {
        let server = try Endpoint(.server) { $0.resetBurstStreams = 50 }
        var error = Self.feed(server, Raw.clientStart)
        var stream: UInt32 = 1
        while error == nil, stream < 2_000 {
            error = Self.feed(server, Raw.headers(stream: stream, Heads.request) + Raw.reset(stream: stream, 8))
            stream += 2
        }
        #expect(error?.code == .rapidReset && error?.isConnectionError == true)
        #expect(stream < 400)
    }

    @Test("frames without use end the connection; beside useful ones they are borne")
    func unproductive() throws {
        let server = try Endpoint(.server) { $0.maxUnproductiveFrames = 100 }
        #expect(Self.feed(server, Raw.clientStart + Raw.headers(stream: 1, Heads.request)) == nil)
        for _ in 0..<500 {
            #expect(Self.feed(server, Raw.data(stream: 1, []) + Raw.data(stream: 1, [1])) == nil)
        }
        var error: HTTP2Error?
        for _ in 0..<200 where error == nil { error = Self.feed(server, Raw.data(stream: 1, [])) }
        #expect(error?.code == .protocolViolation(.enhanceYourCalm))
        #expect(error?.message.contains("max_unproductive_frames") == true)
    }

    @Test(
        "frames without use, though their answers are read, end the connection",
        arguments: [
            ("SETTINGS", Raw.settings()), ("WINDOW_UPDATE", Raw.frame(8, Raw.big(1))),
            ("GOAWAY", Raw.frame(7, Raw.big(0) + Raw.big(0))), ("an unknown type", Raw.frame(10, [1, 2, 3])),
            ("the last type", Raw.frame(255)), ("DATA of padding", Raw.padded(stream: 1, [], padding: 50)),
        ])
    func flood(name: String, frame: [UInt8]) throws {
        let server = try Endpoint(.server) { $0.maxUnproductiveFrames = 100 }
        var error = Self.feed(server, Raw.clientStart + Raw.headers(stream: 1, Heads.request))
        var count = 0
        while error == nil, count < 1_000 {
            error = Self.feed(server, frame)
            count += 1
        }
        #expect(error?.code == .protocolViolation(.enhanceYourCalm))
        #expect((100...110).contains(count))
    }

    @Test("requests whose calls the peer breaks, so that they are reset, end the connection (CVE-2025-8671)")
    func madeYouReset() throws {
        let server = try Endpoint(.server) { $0.maxUnproductiveFrames = 100 }
        var error = Self.feed(server, Raw.clientStart)
        var count: UInt32 = 0
        while error == nil, count < 1_000 {
            let stream = 2 * count + 1
            let overflow = Raw.frame(8, stream: stream, Raw.big(0x7fff_ffff))
            error = Self.feed(server, Raw.headers(stream: stream, Heads.request) + overflow)
            count += 1
        }
        #expect(error?.code == .protocolViolation(.enhanceYourCalm))
        #expect(count < 120)
    }

    @Test(
        "a block that stands for far more than the limit is refused as others are, its neighbours live, and a few end it"
    )
    func bomb() throws {
        let server = try Endpoint(.server) {
            $0.maxHeaderListBytes = 2_000
            $0.maxUnproductiveFrames = 300
        }
        var head = Heads.request
        for _ in 0..<100 { head.append("x", String(repeating: "v", count: 100)) }
        #expect(Self.feed(server, Raw.clientStart) == nil)
        try server.receive(Raw.headers(stream: 1, head) + Raw.headers(stream: 3, Heads.request))
        let resets = Raw.parse(try server.output()).filter { $0.type == 3 }
        #expect(resets.map(\.stream) == [1])
        #expect(resets.map(\.payload) == [Raw.big(0xb)])
        #expect(server.notes(of: 1) == [] && server.notes(of: 3) == [.headers(3, Heads.request)])
        #expect(server.session.takeRefusals().headerLists == 1 && server.session.takeRefusals() == .none)
        var errors: [HTTP2Error?] = []
        for stream in [5, 7, 9] { errors.append(Self.feed(server, Raw.headers(stream: UInt32(stream), head))) }
        #expect(errors.last??.code == .protocolViolation(.enhanceYourCalm))
    }

    @Test("streams beyond what is allowed are refused, and counted")
    func streamsBeyond() throws {
        let server = try Endpoint(.server) { $0.maxConcurrentStreams = 2 }
        // The client hasn't acknowledged the limit yet: it may not know of it.
        try server.receive(Raw.clientStart + [1, 3, 5, 7].flatMap { Raw.headers(stream: $0, Heads.request) })
        let resets = Raw.parse(try server.output()).filter { $0.type == 3 }
        #expect(resets.map(\.stream) == [5, 7] && resets.allSatisfy { $0.payload == Raw.big(0x7) })
        let refusals = server.session.takeRefusals()
        #expect(refusals.streams == 2 && refusals.headerLists == 0)
        #expect(server.session.takeRefusals() == .none)
    }

    @Test("WINDOW_UPDATE frames that answer what was sent are borne, ten for each DATA frame")
    func windowUpdates() throws {
        let server = try Endpoint(.server) { $0.maxUnproductiveFrames = 10 }
        #expect(Self.feed(server, Raw.clientStart + Raw.headers(stream: 1, Heads.request)) == nil)
        try server.session.submitResponse(streamID: 1, headers: Heads.response, endStream: false)
        let updates = Raw.frame(8, Raw.big(1)) + Raw.frame(8, stream: 1, Raw.big(1))
        for _ in 0..<50 {
            try server.session.sendData(streamID: 1, [1])
            #expect(Self.feed(server, []) == nil)
            for _ in 0..<5 { #expect(Self.feed(server, updates) == nil) }
        }
        for _ in 0..<5 { #expect(Self.feed(server, updates) == nil) }
        #expect(Self.feed(server, updates)?.code == .protocolViolation(.enhanceYourCalm))
    }

    @Test("malformed requests, each answered with a reset, end the connection in the end")
    func madeResets() throws {
        let server = try Endpoint(.server) { $0.maxUnproductiveFrames = 100 }
        var error = Self.feed(server, Raw.clientStart)
        var count: UInt32 = 0
        while error == nil, count < 1_000 {
            error = Self.feed(server, Raw.headers(stream: 2 * count + 1, HeaderList([":status": "200"]), end: true))
            count += 1
        }
        #expect(error?.code == .protocolViolation(.enhanceYourCalm))
        #expect((100...110).contains(count))
    }

    @Test("whatever bytes arrive after the preface: an error or none, never a trap, and nothing over the bounds")
    func garbage() throws {
        var generator = SeededGenerator(seed: testSeed())
        for _ in 0..<300 {
            let server = try Endpoint(.server)
            var bytes = Raw.clientStart
            if Bool.random(using: &generator) { bytes += Raw.headers(stream: 1, Heads.request) }
            for _ in 0..<Int.random(in: 1...20, using: &generator) {
                let payload = generator.bytes(Int.random(in: 0...40, using: &generator))
                bytes += Raw.frame(
                    UInt8.random(in: 0...12, using: &generator), flags: UInt8.random(in: 0...255, using: &generator),
                    stream: UInt32.random(in: 0...5, using: &generator), payload)
            }
            _ = Self.feed(server, bytes)
            #expect(server.session.connectionReceiveWindowBytes <= server.session.configuration.connectionWindowBytes)
        }
    }

    @Test("a valid exchange with flipped bits: an error, a reset or a lost stream, never a trap")
    func flippedBits() throws {
        var generator = SeededGenerator(seed: testSeed())
        let client = try Endpoint(.client)
        for _ in 0..<10 {
            let streamID = try client.session.submitRequest(headers: Heads.request, endStream: false)
            try client.session.sendData(streamID: streamID, generator.bytes(500))
            try client.session.endStream(streamID: streamID)
        }
        let valid = try client.output()
        for _ in 0..<500 {
            let server = try Endpoint(.server)
            var bytes = valid
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[index] ^= UInt8(1) << UInt8.random(in: 0...7, using: &generator)
            }
            _ = Self.feed(server, bytes)
            #expect(server.notes.count < 200)
        }
    }
}
