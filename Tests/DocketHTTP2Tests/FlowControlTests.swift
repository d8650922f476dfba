import DocketHeaders
import DocketHTTP2
import DocketTestSupport
import Testing

@Suite("Flow control by hand")
struct FlowControlTests {
    /// A wire whose server consumes nothing by itself, and a request on it that has sent a body.
    private static func hold(
        body: Int, stream streamWindow: Int = 1_000, connection: Int = 1_000_000
    ) throws -> (wire: Wire, streamID: Int32) {
        let wire = try Wire(server: {
            $0.initialStreamWindowBytes = streamWindow
            $0.connectionWindowBytes = connection
        })
        wire.server.consumesAtOnce = false
        try wire.run()
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: false)
        try wire.client.session.sendData(streamID: streamID, [UInt8](repeating: 5, count: body))
        try wire.run()
        return (wire, streamID)
    }

    @Test("nothing flows past a stream's window until it is consumed, then everything does")
    func streamWindow() throws {
        let (wire, streamID) = try Self.hold(body: 10_000)
        let server = wire.server
        #expect(server.body(of: streamID).bytes.count == 1_000)
        #expect(wire.client.session.outboundQueuedBytes(streamID: streamID) == 9_000)
        try wire.run()
        #expect(server.body(of: streamID).bytes.count == 1_000)
        for round in 2...10 {
            server.consume(streamID, 1_000)
            try wire.run()
            #expect(server.body(of: streamID).bytes.count == 1_000 * round)
        }
        #expect(wire.client.session.outboundQueuedBytes(streamID: streamID) == 0)
    }

    @Test("consuming on the connection's level alone lets nothing more through a full stream")
    func connectionOnly() throws {
        let (wire, streamID) = try Self.hold(body: 10_000)
        wire.server.session.consumeConnection(bytes: 1_000)
        try wire.run()
        #expect(wire.server.body(of: streamID).bytes.count == 1_000)
    }

    @Test("nothing flows past the connection's window, whatever the streams' windows allow")
    func connectionWindow() throws {
        let (wire, first) = try Self.hold(body: 60_000, stream: 100_000, connection: 65_535)
        let second = try wire.client.session.submitRequest(headers: Heads.request, endStream: false)
        try wire.client.session.sendData(streamID: second, [UInt8](repeating: 6, count: 60_000))
        try wire.run()
        let server = wire.server
        #expect(server.body(of: first).bytes.count == 60_000)
        #expect(server.body(of: second).bytes.count == 5_535)
        server.session.consume(streamID: first, bytes: 60_000)
        server.session.consume(streamID: second, bytes: 5_535)
        try wire.run()
        #expect(server.body(of: second).bytes.count == 5_535)
        server.session.consumeConnection(bytes: 65_535)
        try wire.run()
        #expect(server.body(of: second).bytes.count == 60_000)
    }

    @Test("more than was delivered can't be consumed")
    func overConsumption() throws {
        let (wire, streamID) = try Self.hold(body: 10_000, connection: 65_535)
        wire.server.consume(streamID, 1_000_000)
        try wire.run()
        #expect(wire.server.body(of: streamID).bytes.count == 2_000)
        #expect(wire.server.session.connectionReceiveWindowBytes <= 65_535)
    }

    @Test("a raised window lets a whole message through, and is the initial one again once that is consumed")
    func raisedWindow() throws {
        let (wire, streamID) = try Self.hold(body: 500_000)
        let server = wire.server
        server.session.raiseStreamWindow(streamID: streamID, toBytes: 99_000)
        try wire.run()
        #expect(server.body(of: streamID).bytes.count == 100_000)
        server.session.consume(streamID: streamID, bytes: 99_000)
        try wire.run()
        #expect(server.body(of: streamID).bytes.count == 100_000)
        server.session.consume(streamID: streamID, bytes: 1_000)
        try wire.run()
        #expect(server.body(of: streamID).bytes.count == 101_000)
        #expect(server.session.receiveWindowBytes(streamID: streamID) == 0)
    }

    @Test("raising to less than the window allows already changes nothing")
    func raiseToLess() throws {
        let (wire, streamID) = try Self.hold(body: 100)
        wire.server.session.raiseStreamWindow(streamID: streamID, toBytes: 900)
        #expect(!wire.server.session.wantsWrite)
        #expect(wire.server.session.receiveWindowBytes(streamID: streamID) == 900)
    }

    @Test("raising again and again on one stream neither leaks window nor ends in a standstill")
    func manyMessages() throws {
        let (wire, streamID) = try Self.hold(body: 0)
        let (client, server) = (wire.client, wire.server)
        for message in 1...300 {
            try client.session.sendData(streamID: streamID, [UInt8](repeating: 1, count: 20_000))
            try wire.run()
            server.session.raiseStreamWindow(streamID: streamID, toBytes: 19_000)
            try wire.run()
            #expect(server.body(of: streamID).bytes.count == 20_000 * message)
            server.consume(streamID, 20_000)
            try wire.run()
            #expect(server.session.receiveWindowBytes(streamID: streamID) == 1_000)
        }
    }

    @Test("whatever is raised and consumed: held and allowed bytes stay within the window or the raise")
    func randomised() throws {
        var generator = SeededGenerator(seed: testSeed())
        for _ in 0..<20 {
            let window = Int.random(in: 1...5_000, using: &generator)
            let (wire, streamID) = try Self.hold(body: 400_000, stream: window)
            let server = wire.server
            var consumed = 0
            var granted = window
            for _ in 0..<100 {
                let received = server.body(of: streamID).bytes.count
                let held = received - consumed
                #expect(received <= granted)
                if Bool.random(using: &generator) {
                    let bytes = Int.random(in: 0...held, using: &generator)
                    server.consume(streamID, bytes)
                    consumed += bytes
                    granted = max(granted, consumed + window)
                } else {
                    let bytes = Int.random(in: 1...9_000, using: &generator)
                    server.session.raiseStreamWindow(streamID: streamID, toBytes: bytes)
                    granted = max(granted, received + bytes)
                }
                try wire.run()
            }
            let rest = server.body(of: streamID).bytes.count - consumed
            server.consume(streamID, rest)
            #expect(server.session.receiveWindowBytes(streamID: streamID) >= (window + 1) / 2)
        }
    }

    @Test("padding is given back by the session, on both levels")
    func padding() throws {
        let server = try Endpoint(.server) {
            $0.initialStreamWindowBytes = 10_000
            $0.connectionWindowBytes = 65_535
        }
        try server.receive(Raw.clientStart + Raw.frame(4, flags: 1) + Raw.headers(stream: 1, Heads.request))
        _ = try server.output()
        for _ in 0..<2_000 {
            try server.receive(Raw.padded(stream: 1, [8], padding: 255))
            // A peer that keeps to the windows could have sent that: 257 bytes a frame.
            #expect(server.session.receiveWindowBytes(streamID: 1) >= 257)
            #expect(server.session.connectionReceiveWindowBytes >= 257)
            #expect(server.session.receiveWindowBytes(streamID: 1) <= 10_000)
            _ = try server.output()
        }
        #expect(server.body(of: 1).bytes.count == 2_000)
        #expect(server.closeCode(of: 1) == nil)
    }

    @Test("DATA that is all padding is no event, and does not use up the windows")
    func onlyPadding() throws {
        let server = try Endpoint(.server) { $0.maxUnproductiveFrames = 100_000 }
        try server.receive(Raw.clientStart + Raw.frame(4, flags: 1) + Raw.headers(stream: 1, Heads.request))
        for _ in 0..<5_000 {
            try server.receive(Raw.padded(stream: 1, [], padding: 255))
            _ = try server.output()
        }
        #expect(server.notes(of: 1) == [.headers(1, Heads.request)])
        #expect(server.session.receiveWindowBytes(streamID: 1) > 32_000)
    }

    @Test("a peer that sends past its window is reset, and nothing after that piece is delivered")
    func violation() throws {
        let server = try Endpoint(.server) { $0.initialStreamWindowBytes = 100 }
        server.consumesAtOnce = false
        try server.receive(Raw.clientStart + Raw.frame(4, flags: 1) + Raw.headers(stream: 1, Heads.request))
        _ = try server.output()
        try server.receive(Raw.data(stream: 1, [UInt8](repeating: 1, count: 100)))
        try server.receive(Raw.data(stream: 1, [1]) + Raw.data(stream: 1, [UInt8](repeating: 1, count: 50)))
        let frames = Raw.parse(try server.output())
        #expect(server.body(of: 1).bytes.count <= 101)
        #expect(frames.contains { $0.type == 3 && $0.stream == 1 && $0.payload == Raw.big(3) })
        #expect(server.closeCode(of: 1) == 3)
    }

    @Test("streams that opened before SETTINGS were acknowledged end up with the configured window")
    func earlyStream() throws {
        let server = try Endpoint(.server) { $0.initialStreamWindowBytes = 200_000 }
        server.consumesAtOnce = false
        try server.receive(Raw.clientStart + Raw.headers(stream: 1, Heads.request))
        #expect(server.session.receiveWindowBytes(streamID: 1) == 65_535)
        for _ in 0..<4 { try server.receive(Raw.data(stream: 1, [UInt8](repeating: 1, count: 16_000))) }
        server.consume(1, 64_000)
        try server.receive(Raw.frame(4, flags: 1))
        #expect(server.session.receiveWindowBytes(streamID: 1) == 200_000)
    }
}
