import DocketHeaders
import DocketHTTP2
import Testing

@Suite("Resets")
struct ResetTests {
    @Test("the client's reset closes the stream on both sides with its code, and what was queued is dropped")
    func byClient() throws {
        let wire = try Wire()
        let (client, server) = (wire.client, wire.server)
        let streamID = try client.session.submitRequest(headers: Heads.request, endStream: false)
        try wire.run()
        try server.session.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        client.session.resetStream(streamID: streamID, errorCode: .cancel)
        try wire.run()
        #expect(client.closeCode(of: streamID) == 8)
        #expect(server.closeCode(of: streamID) == 8)
        #expect(server.session.openStreamCount == 0)
        #expect(throws: HTTP2Error.self) { try server.session.sendData(streamID: streamID, [1]) }
        #expect(server.session.outboundQueuedBytes(streamID: streamID) == 0)
    }

    @Test("the server's reset reaches the client")
    func byServer() throws {
        let wire = try Wire()
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: false)
        try wire.run()
        wire.server.session.resetStream(streamID: streamID, errorCode: .refusedStream)
        try wire.run()
        #expect(wire.client.notes(of: streamID) == [.other(.streamClosed(streamID: streamID, errorCode: 7))])
        #expect(wire.server.closeCode(of: streamID) == 7)
        wire.server.session.resetStream(streamID: streamID, errorCode: .cancel)
        wire.server.session.resetStream(streamID: 999, errorCode: .cancel)
        #expect(!wire.server.session.wantsWrite)
    }

    @Test("a reset inside an event silences the rest of the stream, and its bytes are given back by the session")
    func silenced() throws {
        let server = try Endpoint(.server) { $0.connectionWindowBytes = 65_535 }
        server.consumesAtOnce = false
        server.reaction = { event, session in
            if case .headers(let streamID, _) = event { session.resetStream(streamID: streamID, errorCode: .cancel) }
        }
        try server.receive(Raw.clientStart)
        var stream: UInt32 = 1
        // Six times the connection's window: it would run dry if the bytes were lost.
        for _ in 0..<40 {
            let body = [UInt8](repeating: 1, count: 10_000)
            try server.receive(
                Raw.headers(stream: stream, Heads.request) + Raw.data(stream: stream, body, end: true))
            #expect(server.session.connectionReceiveWindowBytes > 10_000)
            _ = try server.output()
            #expect(
                server.notes(of: Int32(stream)) == [
                    .headers(Int32(stream), Heads.request),
                    .other(.streamClosed(streamID: Int32(stream), errorCode: 8)),
                ])
            stream += 2
        }
    }

    @Test("data for streams that are gone goes back to the connection's window")
    func lateData() throws {
        let server = try Endpoint(.server) { $0.connectionWindowBytes = 65_535 }
        try server.receive(Raw.clientStart + Raw.headers(stream: 1, Heads.request))
        server.session.resetStream(streamID: 1, errorCode: .cancel)
        _ = try server.output()
        for _ in 0..<20 {
            try server.receive(Raw.data(stream: 1, [UInt8](repeating: 0, count: 16_000)))
            _ = try server.output()
        }
        #expect(server.session.connectionReceiveWindowBytes > 32_000)
        #expect(server.body(of: 1).bytes == [])
    }

    @Test("a request that was never sent can be reset: nobody else hears of it")
    func unsent() throws {
        let wire = try Wire(server: { $0.maxConcurrentStreams = 1 })
        let (client, server) = (wire.client, wire.server)
        try wire.run()
        let first = try client.session.submitRequest(headers: Heads.request, endStream: true)
        let second = try client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        client.session.resetStream(streamID: second, errorCode: .cancel)
        try server.session.submitResponse(streamID: first, headers: Heads.response, endStream: true)
        try wire.run()
        #expect(client.notes(of: second) == [.other(.streamClosed(streamID: second, errorCode: 8))])
        #expect(server.notes(of: second) == [])
        #expect(client.session.openStreamCount == 0)
    }

    @Test("NO_ERROR waits for the answer: a server may answer before it has read the request")
    func earlyAnswer() throws {
        let wire = try Wire()
        let (client, server) = (wire.client, wire.server)
        let streamID = try client.session.submitRequest(headers: Heads.request, endStream: false)
        try wire.run()
        try server.session.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        try server.session.sendData(streamID: streamID, [1, 2, 3])
        try server.session.sendTrailers(streamID: streamID, Heads.trailers)
        server.session.resetStream(streamID: streamID, errorCode: .noError)
        try wire.run()
        #expect(
            client.notes(of: streamID) == [
                .headers(streamID, Heads.response), .body(streamID, Body([1, 2, 3])),
                .headers(streamID, Heads.trailers), .other(.remoteEnded(streamID: streamID)),
                .other(.streamClosed(streamID: streamID, errorCode: 0)),
            ])
        #expect(server.closeCode(of: streamID) == 0)
        #expect(server.session.openStreamCount == 0)
    }

    @Test("NO_ERROR after an answer to a whole request is no reset: the stream ends by itself")
    func answeredWhole() throws {
        let wire = try Wire()
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        let server = wire.server.session
        try server.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        try server.sendTrailers(streamID: streamID, Heads.trailers)
        server.resetStream(streamID: streamID, errorCode: .noError)
        #expect(Raw.parse(try wire.server.output()).map(\.type).contains(3) == false)
        #expect(wire.server.closeCode(of: streamID) == 0)
    }

    @Test("a reset gives up what was queued at once, even while nothing can be written")
    func queueGivenUp() throws {
        let wire = try Wire()
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: false)
        try wire.client.session.sendData(streamID: streamID, [UInt8](repeating: 0, count: 200_000))
        wire.client.session.resetStream(streamID: streamID, errorCode: .cancel)
        #expect(wire.client.session.outboundQueuedBytes(streamID: streamID) == 0)
        try wire.run()
        #expect(wire.client.closeCode(of: streamID) == 8)
    }

    @Test("calls that don't fit the stream's state are refused, and say which it is")
    func states() throws {
        let wire = try Wire()
        let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: true)
        try wire.run()
        let server = wire.server.session
        func code(_ body: () throws -> Void) -> HTTP2Error.Code? {
            do { try body() } catch { return (error as? HTTP2Error)?.code }
            return nil
        }
        #expect(code { try server.sendData(streamID: streamID, [1]) } == .streamState)
        #expect(code { try server.sendTrailers(streamID: 77, Heads.trailers) } == .unknownStream)
        #expect(
            code { try server.submitResponse(streamID: 0, headers: Heads.response, endStream: true) }
                == .unknownStream)
        #expect(code { _ = try server.submitRequest(headers: Heads.request, endStream: true) } == .streamState)
        try server.submitResponse(streamID: streamID, headers: Heads.response, endStream: false)
        #expect(
            code { try server.submitResponse(streamID: streamID, headers: Heads.response, endStream: true) }
                == .streamState)
        try server.sendTrailers(streamID: streamID, Heads.trailers)
        #expect(code { try server.sendData(streamID: streamID, [1]) } == .streamState)
        #expect(code { try server.endStream(streamID: streamID) } == .streamState)
    }

    @Test("a session that goes away with open streams and queued data leaves nothing behind")
    func abandoned() throws {
        final class Probe {}
        weak var weakProbe: Probe?
        do {
            let probe = Probe()
            weakProbe = probe
            let wire = try Wire()
            for _ in 0..<50 {
                let streamID = try wire.client.session.submitRequest(headers: Heads.request, endStream: false)
                try wire.client.session.sendData(streamID: streamID, [UInt8](repeating: 0, count: 100_000))
            }
            wire.server.reaction = { _, _ in withExtendedLifetime(probe) {} }
            wire.server.consumesAtOnce = false
            try wire.run()
            #expect(wire.server.session.openStreamCount == 50)
        }
        #expect(weakProbe == nil)
    }
}
