import DocketHTTP2
import DocketTestSupport
import Testing

@Suite("Frames that the library ignores")
struct IgnoredFrameTests {
    /// A server whose stream 1 has come and gone.
    private static func server() throws -> Endpoint {
        let server = try Endpoint(.server) { $0.maxUnproductiveFrames = 100 }
        try server.receive(Raw.clientStart + Raw.headers(stream: 1, Heads.request) + Raw.reset(stream: 1, 8))
        _ = try server.output()
        return server
    }

    /// How many frames are borne until the connection ends, and why it does.
    private static func flood(_ server: Endpoint, with frame: [UInt8]) -> (count: Int, error: HTTP2Error?) {
        for count in 1...1_000 {
            do throws(HTTP2Error) {
                try server.receive(frame)
                _ = try server.output()
            } catch {
                return (count, error)
            }
        }
        return (1_000, nil)
    }

    @Test(
        "what comes for a stream that is gone is of no use, and ends the connection when it is too much",
        arguments: [
            ("WINDOW_UPDATE", Raw.frame(8, stream: 1, Raw.big(1))),
            ("PRIORITY", Raw.frame(2, stream: 1, Raw.big(0) + [15])),
            ("HEADERS", Raw.headers(stream: 1, Heads.request, end: true)),
        ])
    func goneStream(name: String, frame: [UInt8]) throws {
        let (count, error) = Self.flood(try Self.server(), with: frame)
        #expect(error?.code == .protocolViolation(.enhanceYourCalm))
        #expect((100...110).contains(count), "\(count) frames")
    }

    @Test("DATA that was on its way to a call when it ended is borne", arguments: [[], [1, 2, 3]])
    func dataOnItsWay(bytes: [UInt8]) throws {
        let server = try Self.server()
        let before = server.notes
        #expect(Self.flood(server, with: Raw.data(stream: 1, bytes)).error == nil)
        #expect(server.notes == before)
    }

    @Test("WINDOW_UPDATE frames for what was sent are borne when its stream is gone by then")
    func lateWindowUpdates() throws {
        let server = try Endpoint(.server) { $0.maxUnproductiveFrames = 10 }
        try server.receive(Raw.clientStart)
        for index in UInt32(0)..<100 {
            let stream = 2 * index + 1
            try server.receive(Raw.headers(stream: stream, Heads.request, end: true))
            try server.session.submitResponse(streamID: Int32(stream), headers: Heads.response, endStream: false)
            try server.session.sendData(streamID: Int32(stream), [1])
            try server.session.endStream(streamID: Int32(stream))
            _ = try server.output()
            try server.receive(Raw.frame(8, stream: stream, Raw.big(1)))
        }
        _ = try server.output()
    }

    @Test("a client bears answers to calls that it has given up")
    func answersToNobody() throws {
        let wire = try Wire(client: { $0.maxUnproductiveFrames = 10 })
        let streams = try (0..<50).map { _ in
            try wire.client.session.submitRequest(headers: Heads.request, endStream: true)
        }
        try wire.run()
        for stream in streams {
            try wire.server.session.submitResponse(streamID: stream, headers: Heads.response, endStream: true)
            wire.client.session.resetStream(streamID: stream, errorCode: .cancel)
        }
        _ = try wire.client.output()
        try wire.client.receive(wire.server.output())
        #expect(wire.client.session.wantsRead)
        _ = try wire.client.output()
    }

    @Test("a PING is acknowledged once: further acknowledgements are of no use")
    func pingAcknowledgements() throws {
        let acknowledgement = Raw.frame(6, flags: 1, [UInt8](repeating: 0, count: 8))
        let server = try Self.server()
        for _ in 0..<500 {
            server.session.ping(payload: 0)
            _ = try server.output()
            try server.receive(acknowledgement)
        }
        let (count, error) = Self.flood(server, with: acknowledgement)
        #expect(error?.code == .protocolViolation(.enhanceYourCalm))
        #expect((100...110).contains(count), "\(count) frames")
    }

    @Test("SETTINGS of more entries than are taken end the connection; of as many they don't")
    func settingsEntries() throws {
        for (count, isTaken) in [(32, true), (33, false)] {
            let entries = (0..<count).map { (UInt16(0x100 + $0), UInt32(0)) }
            let (_, error) = Self.flood(try Self.server(), with: Raw.settings(entries))
            let message = error?.message ?? "none"
            #expect(message.contains("max_unproductive_frames") == isTaken, "\(message)")
        }
    }
}
