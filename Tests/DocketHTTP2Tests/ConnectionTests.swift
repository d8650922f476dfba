import DocketHeaders
import DocketHTTP2
import Testing

@Suite("The connection")
struct ConnectionTests {
    @Test("the PING of a graceful end is written behind its GOAWAY")
    func pingBehindNotice() throws {
        let server = try Endpoint(.server)
        try server.receive(Raw.clientStart)
        _ = try server.output()
        server.session.sendShutdownNotice(pingPayload: 7)
        #expect(Raw.parse(try server.output()).map(\.type) == [7, 6])
    }

    @Test("a graceful end has two steps: streams on their way are still taken, later ones are not")
    func twoStepGoAway() throws {
        let wire = try Wire()
        let (client, server) = (wire.client, wire.server)
        let first = try client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        server.session.sendShutdownNotice()
        let notice = try server.output()
        // This one was sent before the notice arrived.
        let second = try client.session.submitRequest(headers: Heads.request, endStream: true)
        let late = try client.output()
        try client.receive(notice)
        #expect(client.saw(.goAway(lastStreamID: Int32.max, errorCode: 0, debug: [])))
        #expect(throws: HTTP2Error.self) {
            try client.session.submitRequest(headers: Heads.request, endStream: true)
        }
        try server.receive(late)
        #expect(server.saw(.remoteEnded(streamID: second)))
        server.session.goAway(debug: Array("max_age".utf8))
        try wire.run()
        #expect(client.saw(.goAway(lastStreamID: second, errorCode: 0, debug: Array("max_age".utf8))))
        #expect(server.session.wantsRead)
        for streamID in [first, second] {
            try server.session.submitResponse(streamID: streamID, headers: Heads.response, endStream: true)
        }
        try wire.run()
        #expect(client.closeCode(of: first) == 0)
        #expect(client.closeCode(of: second) == 0)
        #expect(!server.session.wantsRead && !server.session.wantsWrite)
        #expect(!client.session.wantsRead && !client.session.wantsWrite)
    }

    @Test("requests above the last stream of a GOAWAY are closed as refused: they may be sent elsewhere")
    func refusedByGoAway() throws {
        let wire = try Wire(server: { $0.maxConcurrentStreams = 2 })
        let (client, server) = (wire.client, wire.server)
        try wire.run()
        let first = try client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        server.session.goAway()
        let goAway = try server.output()
        let second = try client.session.submitRequest(headers: Heads.request, endStream: true)
        let third = try client.session.submitRequest(headers: Heads.request, endStream: true)
        let late = try client.output()
        try client.receive(goAway)
        try server.receive(late)
        try server.session.submitResponse(streamID: first, headers: Heads.response, endStream: true)
        try wire.run()
        #expect(client.closeCode(of: first) == 0)
        #expect(client.closeCode(of: second) == 7)
        #expect(client.closeCode(of: third) == 7)
        #expect(server.notes(of: second) == [])
        #expect(client.session.openStreamCount == 0)
    }

    @Test("our own GOAWAY with an error is no failure of the session")
    func ownGoAway() throws {
        let wire = try Wire()
        try wire.run()
        wire.server.session.goAway(errorCode: .enhanceYourCalm, debug: Array("too_many_pings".utf8))
        try wire.run()
        #expect(wire.client.saw(.goAway(lastStreamID: 0, errorCode: 11, debug: Array("too_many_pings".utf8))))
    }

    @Test("a ping is answered with its payload")
    func ping() throws {
        let wire = try Wire()
        try wire.run()
        wire.client.session.ping(payload: 0xfedc_ba98_7654_3210)
        try wire.run()
        #expect(wire.server.saw(.pingReceived))
        #expect(wire.client.saw(.pingAcknowledged(payload: 0xfedc_ba98_7654_3210)))
    }

    @Test("the preface opens the connection's window to the configured size")
    func connectionWindow() throws {
        let server = try Endpoint(.server) { $0.connectionWindowBytes = 3_000_000 }
        let frames = Raw.parse(try server.output())
        let update = try #require(frames.first { $0.type == 8 })
        #expect(update.stream == 0)
        #expect(update.payload == Raw.big(3_000_000 - 65_535))
        #expect(server.session.connectionReceiveWindowBytes == 3_000_000)
    }

    @Test("values outside their bounds are refused by name", arguments: HTTP2Configuration.bounds.indices)
    func configuration(index: Int) throws {
        let bound = HTTP2Configuration.bounds[index]
        for value in [bound.range.lowerBound - 1, bound.range.upperBound + 1] {
            var configuration = HTTP2Configuration()
            configuration[keyPath: bound.path] = value
            let error = #expect(throws: HTTP2Error.self) {
                try HTTP2Session(role: .server, configuration: configuration)
            }
            #expect(error?.code == .configuration)
            #expect(error?.message.contains(bound.name) == true)
        }
        var configuration = HTTP2Configuration()
        configuration[keyPath: bound.path] = bound.range.upperBound
        try configuration.validate()
    }
}
