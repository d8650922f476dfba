import DocketCompression
import DocketGRPC
import DocketHeaders
import Testing

@Suite("client call: request")
struct ClientCallRequestTests {
    @Test("the block has the fields of PROTOCOL-HTTP2.md in their order, and a server accepts it")
    func headers() throws {
        var call = ClientCall(maxMessageBytes: 10)
        let block = call.start(
            GRPCClientRequest(
                path: "/s/m", authority: "host:1", scheme: "https", timeout: .seconds(2), encoding: .gzip,
                metadata: HeaderList(["authorization": "Bearer t"]), previousAttempts: 3, userAgent: "grpc-swift-test/1"
            ))
        #expect(
            block
                == HeaderList([
                    ":method": "POST", ":scheme": "https", ":path": "/s/m", ":authority": "host:1",
                    "grpc-timeout": "2000000u",
                    "te": "trailers", "content-type": "application/grpc", "grpc-encoding": "gzip",
                    "grpc-accept-encoding": "identity,gzip", "user-agent": "grpc-swift-test/1",
                    "grpc-previous-rpc-attempts": "3",
                    "authorization": "Bearer t",
                ]))
        var server = ServerCall(maxMessageBytes: 10)
        guard case .accept(let head) = server.receivedHeaders(block) else { throw Missing() }
        #expect(head.timeout == .seconds(2))
        #expect(head.encoding == .gzip)
        #expect(head.acceptsGzip)
        #expect(head.previousAttempts == 3)
    }

    @Test("messages are framed; frames go as they are; then the end")
    func sending() {
        var call = ClientCall.started()
        #expect(call.sendMessage([1]) == .message(frame: framed([1])))
        #expect(call.sendFrame(framed([2])) == .message(frame: framed([2])))
        #expect(call.sendEnd() == .end)
        #expect(call.sendMessage([1]) == .misuse(.alreadyFinished))
        #expect(call.sendEnd() == .misuse(.alreadyFinished))
    }

    @Test("nothing can be sent before the start; after the end of the call it is dropped")
    func order() {
        var call = ClientCall(maxMessageBytes: 10)
        #expect(call.sendMessage([]) == .misuse(.notStarted))
        #expect(call.sendEnd() == .misuse(.notStarted))
        #expect(call.cancel() == .misuse(.notStarted))
        _ = call.start(GRPCClientRequest(path: "/s/m", authority: "a", scheme: "http"))
        call.receivedHeaders(trailersOnly(5, "no"))
        #expect(call.sendMessage([]) == .drop)
        #expect(call.sendFrame(framed([])) == .drop)
        #expect(call.sendEnd() == .drop)
    }

    @Test("messages are gzipped when the request says so and it gains anything")
    func compression() throws {
        var call = ClientCall(maxMessageBytes: 10)
        _ = call.start(GRPCClientRequest(path: "/s/m", authority: "a", scheme: "http", encoding: .gzip))
        guard case .message(let frame) = call.sendMessage([UInt8](repeating: 0, count: 9_000)) else { throw Missing() }
        #expect(frame[0] == 1 && frame.count < 100)
        #expect(call.sendMessage([1]) == .message(frame: framed([1])))
    }
}

@Suite("client call: response")
struct ClientCallResponseTests {
    private let ok = HeaderList(["grpc-status": "0"])

    @Test("a unary reply: metadata, message, status")
    func unary() {
        var call = ClientCall.started()
        call.receivedHeaders(plainResponseHeaders)
        #expect(call.drain() == [.metadata(plainResponseHeaders)])
        call.receive(framed([1, 2]))
        #expect(call.drain() == [.reserve(wireBytes: 2, heapBytes: 2)])
        call.reservationGranted()
        #expect(call.drain() == [.message([1, 2])])
        call.receivedHeaders(self.ok)
        call.receivedEnd()
        #expect(call.drain() == [.status(.ok, trailers: self.ok)])
        call.streamClosed(errorCode: 0)
        #expect(call.drain() == [])
        #expect(!call.neverProcessed && call.remoteHasEnded)
    }

    @Test("the status waits for messages that came before it and are not granted yet")
    func statusWaits() {
        var call = ClientCall.started()
        call.receivedHeaders(plainResponseHeaders)
        call.receive(framed([1]) + framed([2]))
        call.receivedHeaders(self.ok)
        call.receivedEnd()
        call.streamClosed(errorCode: 0)
        #expect(call.drain() == [.metadata(plainResponseHeaders), .reserve(wireBytes: 1, heapBytes: 1)])
        call.reservationGranted()
        #expect(call.drain() == [.message([1]), .reserve(wireBytes: 1, heapBytes: 1)])
        call.reservationGranted()
        #expect(call.drain() == [.message([2]), .status(.ok, trailers: self.ok)])
    }

    @Test("Trailers-Only is a status")
    func trailersOnlyResponse() {
        var call = ClientCall.started()
        let block = trailersOnly(8, "slow%20down", extra: ["grpc-retry-pushback-ms": "90"])
        call.receivedHeaders(block)
        call.receivedEnd()
        let status = GRPCStatus(.resourceExhausted, "slow down", retryPushbackMilliseconds: 90)
        #expect(call.drain() == [.status(status, trailers: block)])
    }

    @Test("a grpc-status counts whatever the HTTP status is; without one the HTTP status is mapped")
    func httpStatus() throws {
        var given = ClientCall.started()
        given.receivedHeaders(trailersOnly(http: 415, 13, "no"))
        #expect(given.drain() == [.status(GRPCStatus(.internal, "no"), trailers: trailersOnly(http: 415, 13, "no"))])

        for (http, code) in [
            (503, GRPCCode.unavailable), (404, .unimplemented), (401, .unauthenticated), (500, .unknown),
        ] {
            var mapped = ClientCall.started()
            mapped.receivedHeaders(HeaderList([":status": String(http), "content-type": "text/html"]))
            mapped.receive(Array("<html>".utf8))
            mapped.receivedEnd()
            guard case .status(let status, _)? = mapped.nextInbound() else { throw Missing() }
            #expect(status.code == code)
            #expect(status.message.contains(String(http)))
            #expect(mapped.drain() == [])
        }
    }

    @Test("interim responses are skipped")
    func interim() {
        var call = ClientCall.started()
        call.receivedHeaders(HeaderList([":status": "103", "link": "x"]))
        call.receivedHeaders(plainResponseHeaders)
        #expect(call.drain() == [.metadata(plainResponseHeaders)])
    }

    @Test("a reply that is not gRPC fails the call", arguments: [nil, "text/html", "application/grpc-web"])
    func wrongContentType(value: String?) throws {
        var call = ClientCall.started()
        var headers = HeaderList([":status": "200"])
        if let value { headers.append("content-type", value) }
        call.receivedHeaders(headers)
        guard case .fail(let status)? = call.nextInbound() else { throw Missing() }
        #expect(status.code == .unknown)
    }

    @Test("a reply compressed with something unknown fails the call as INTERNAL")
    func unknownEncoding() throws {
        var call = ClientCall.started()
        call.receivedHeaders(
            HeaderList([":status": "200", "content-type": "application/grpc", "grpc-encoding": "snappy"]))
        guard case .fail(let status)? = call.nextInbound() else { throw Missing() }
        #expect(status.code == .internal)
    }

    @Test("an end without a grpc-status is UNKNOWN, before headers, after them, and in trailers")
    func missingStatus() throws {
        var early = ClientCall.started()
        early.receivedEnd()
        var late = ClientCall.started()
        late.receivedHeaders(plainResponseHeaders)
        _ = late.drain()
        late.receivedEnd()
        var trailers = ClientCall.started()
        trailers.receivedHeaders(plainResponseHeaders)
        _ = trailers.drain()
        trailers.receivedHeaders(HeaderList(["x": "y"]))
        for var call in [early, late, trailers] {
            guard case .status(let status, _)? = call.nextInbound() else { throw Missing() }
            #expect(status.code == .unknown)
            #expect(call.drain() == [])
        }
    }

    @Test("half a message before a good status fails the call; before a bad one the server's status counts")
    func halfMessage() throws {
        for status in [GRPCStatus.ok, GRPCStatus(.aborted, "x")] {
            var call = ClientCall.started()
            call.receivedHeaders(plainResponseHeaders)
            call.receive(framed([1, 2, 3]).dropLast())
            #expect(call.drain().last == .reserve(wireBytes: 3, heapBytes: 3))
            var trailers = HeaderList()
            status.append(to: &trailers)
            call.receivedHeaders(trailers)
            switch call.nextInbound() {
            case .fail(let fault): #expect(status.isOK && fault.code == .internal)
            case .status(status, trailers): #expect(!status.isOK)
            default: throw Missing()
            }
            #expect(call.drain() == [])
        }
    }

    @Test("a message over the limit fails the call from its prefix")
    func overLimit() throws {
        var call = ClientCall.started(maxMessageBytes: 4)
        call.receivedHeaders(plainResponseHeaders)
        _ = call.drain()
        call.receive([0, 0, 0, 0, 5])
        guard case .fail(let status)? = call.nextInbound() else { throw Missing() }
        #expect(status.code == .resourceExhausted)
        #expect(call.sendMessage([]) == .drop)
    }

    @Test("data before headers fails the call")
    func dataFirst() throws {
        var call = ClientCall.started()
        call.receive([0])
        guard case .fail(let status)? = call.nextInbound() else { throw Missing() }
        #expect(status.code == .internal)
    }

    @Test("a reset is mapped; only a refused stream was surely never processed")
    func reset() throws {
        for (errorCode, code, neverProcessed) in [
            (UInt32(0), GRPCCode.internal, false), (2, .internal, false), (7, .unavailable, true),
            (8, .cancelled, false),
            (11, .resourceExhausted, false), (12, .permissionDenied, false),
        ] {
            var call = ClientCall.started()
            call.streamClosed(errorCode: errorCode)
            guard case .status(let status, let trailers)? = call.nextInbound() else { throw Missing() }
            #expect(status.code == code)
            #expect(trailers.isEmpty)
            #expect(call.neverProcessed == neverProcessed)
            #expect(call.drain() == [])
        }
    }

    @Test("a reset drops messages that have not been taken; after the status it means nothing")
    func resetInTheMiddle() throws {
        var call = ClientCall.started()
        call.receivedHeaders(plainResponseHeaders)
        call.receive(framed([1]))
        #expect(call.drain().count == 2)
        call.streamClosed(errorCode: 7)
        call.reservationGranted()
        guard case .status(let status, _)? = call.nextInbound() else { throw Missing() }
        #expect(status.code == .unavailable)
        #expect(!call.neverProcessed, "the server answered with headers, so it did process the call")

        var done = ClientCall.started()
        done.receivedHeaders(trailersOnly(0, ""))
        done.streamClosed(errorCode: 8)
        guard case .status(.ok, _)? = done.nextInbound() else { throw Missing() }
    }

    @Test("a lost connection is UNAVAILABLE, and safe to repeat when the server left the stream out")
    func connectionLost() {
        for neverProcessed in [false, true] {
            var call = ClientCall.started()
            call.connectionLost("the server went away", neverProcessed: neverProcessed)
            #expect(call.drain() == [.status(GRPCStatus(.unavailable, "the server went away"), trailers: HeaderList())])
            #expect(call.neverProcessed == neverProcessed)
        }
    }

    @Test("a cancelled call resets its stream once and says nothing more")
    func cancel() {
        var call = ClientCall.started()
        call.receivedHeaders(plainResponseHeaders)
        #expect(call.cancel() == .reset)
        #expect(call.cancel() == .drop)
        call.receive(framed([1]))
        call.receivedHeaders(self.ok)
        call.receivedEnd()
        call.streamClosed(errorCode: 8)
        #expect(call.drain() == [])
        #expect(call.sendMessage([]) == .drop)
    }
}
