import DocketCompression
import DocketGRPC
import DocketHeaders
import DocketTestSupport
import Testing

@Suite("server call: request headers")
struct ServerCallHeadersTests {
    private func receive(_ headers: HeaderList) -> ServerHeadersAction {
        var call = ServerCall(maxMessageBytes: 1000)
        return call.receivedHeaders(headers)
    }

    /// The status of a refusal; `nil` when the request was accepted.
    private func refusal(_ headers: HeaderList) -> (http: String?, status: GRPCStatus?, block: HeaderList)? {
        guard case .refuse(let block) = self.receive(headers) else { return nil }
        return (block.value(of: ":status"), GRPCStatus(trailers: block), block)
    }

    @Test("a good request is accepted, and its head says what the block said")
    func accepts() throws {
        let headers = requestHeaders(extra: [
            "grpc-timeout": "250m", "grpc-encoding": "gzip", "grpc-accept-encoding": "identity, deflate, gzip",
            "grpc-previous-rpc-attempts": "2", "authorization": "Bearer x",
        ])
        guard case .accept(let head) = self.receive(headers) else { throw Missing() }
        #expect(head.path == "/docket.v1.CollectorService/Publish")
        #expect(Array(head.pathBytes) == Array("/docket.v1.CollectorService/Publish".utf8))
        #expect(head.service == "docket.v1.CollectorService")
        #expect(head.method == "Publish")
        #expect(head.authority == "localhost:8443")
        #expect(head.timeout == .milliseconds(250))
        #expect(head.encoding == .gzip)
        #expect(head.acceptsGzip)
        #expect(head.previousAttempts == 2)
        #expect(head.headers.value(of: "authorization") == "Bearer x")
    }

    @Test("what is left out has its default")
    func defaults() throws {
        guard case .accept(let head) = self.receive(requestHeaders([":authority": nil])) else { throw Missing() }
        #expect(head.timeout == nil)
        #expect(head.encoding == .identity)
        #expect(!head.acceptsGzip)
        #expect(head.previousAttempts == 0)
        #expect(head.authority == "")
    }

    @Test(
        "content types of gRPC are accepted",
        arguments: ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])
    func contentType(value: String) {
        #expect(self.refusal(requestHeaders(["content-type": value])) == nil)
    }

    @Test(
        "other content types, and none, are refused with HTTP 415",
        arguments: [nil, "", "application/json", "application/grpc-web", "application/grpcx", "application/grp"])
    func wrongContentType(value: String?) {
        let refusal = self.refusal(requestHeaders(["content-type": value]))
        #expect(refusal?.http == "415")
        #expect(refusal?.status?.code == .internal)
    }

    @Test("methods other than POST are refused with HTTP 405", arguments: ["GET", "PUT", "post", ""])
    func wrongMethod(value: String) {
        let refusal = self.refusal(requestHeaders([":method": value]))
        #expect(refusal?.http == "405")
        #expect(refusal?.status?.code == .internal)
    }

    @Test("te: trailers must be there", arguments: [nil, "", "gzip", "Trailers"])
    func te(value: String?) {
        let refusal = self.refusal(requestHeaders(["te": value]))
        #expect(refusal?.http == "200")
        #expect(refusal?.status?.code == .internal)
        #expect(refusal?.status?.message.contains("te: trailers") == true)
    }

    @Test("a path that names no method is UNIMPLEMENTED", arguments: ["", "/", "//", "/a", "a/b", "/a/", "//b", "*"])
    func path(value: String) {
        #expect(self.refusal(requestHeaders([":path": value]))?.status?.code == .unimplemented)
    }

    @Test("a path of two parts is for the router to judge", arguments: ["/a/b", "/x.y.Z/M", "/a/b/c"])
    func goodPath(value: String) {
        #expect(self.refusal(requestHeaders([":path": value])) == nil)
    }

    @Test(
        "an unknown encoding is UNIMPLEMENTED, and the answer lists the known ones",
        arguments: ["deflate", "snappy", "GZIP", ""])
    func unknownEncoding(value: String) {
        let refusal = self.refusal(requestHeaders(extra: ["grpc-encoding": value]))
        #expect(refusal?.status?.code == .unimplemented)
        #expect(refusal?.block.value(of: "grpc-accept-encoding") == "identity,gzip")
    }

    @Test("a timeout that can't be read is refused", arguments: ["", "1", "1x", "123456789S", "-1S"])
    func badTimeout(value: String) {
        #expect(self.refusal(requestHeaders(extra: ["grpc-timeout": value]))?.status?.code == .internal)
    }

    @Test(
        "gzip is found in any list of encodings, and nowhere else",
        arguments: [
            ("gzip", true), ("identity,gzip", true), ("gzip,identity", true), ("identity, gzip ,deflate", true),
            ("", false),
            ("identity", false), ("gzipped", false), ("x-gzip", false), (",,", false),
        ])
    func acceptEncoding(value: String, expected: Bool) throws {
        guard case .accept(let head) = self.receive(requestHeaders(extra: ["grpc-accept-encoding": value])) else {
            throw Missing()
        }
        #expect(head.acceptsGzip == expected)
    }

    @Test("after a refusal nothing comes in and nothing goes out")
    func refusedIsOver() {
        var call = ServerCall(maxMessageBytes: 1000)
        _ = call.receivedHeaders(requestHeaders([":method": "GET"]))
        call.receive(framed([1]))
        call.receivedEnd()
        #expect(call.drain() == [])
        #expect(call.sendMessage([1]) == .drop)
        #expect(call.finish(.ok) == .drop)
        #expect(call.streamClosed() == .nothing)
    }

    @Test("request trailers are ignored")
    func requestTrailers() {
        var call = ServerCall.accepted()
        #expect(call.receivedHeaders(HeaderList(["x": "y"])) == .ignore)
        #expect(call.sendMessage([]) == .message(headers: plainResponseHeaders, frame: [0, 0, 0, 0, 0]))
    }

    @Test("random blocks never trap")
    func randomBlocks() {
        var generator = SeededGenerator.ofRun("random request blocks")
        let names = [
            ":method", ":path", "te", "content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "x-bin",
            "",
        ]
        let values = [
            "POST", "/a/b", "trailers", "application/grpc", "1S", "gzip", "\u{FF}", "", "/", ",", "9999999999",
        ]
        for _ in 0..<2_000 {
            var headers = HeaderList()
            for name in names where Bool.random(using: &generator) {
                headers.append(name, values[Int.random(in: 0..<values.count, using: &generator)])
            }
            if case .accept(let head) = self.receive(headers) { #expect(head.path == "/a/b") }
        }
    }
}

@Suite("server call: messages and replies")
struct ServerCallTests {
    @Test("a unary call: headers wait for the message, trailers end it")
    func unary() {
        var call = ServerCall.accepted()
        call.receive(framed([1, 2, 3]))
        call.receivedEnd()
        #expect(call.drain() == [.reserve(wireBytes: 3, heapBytes: 3)])
        call.reservationGranted()
        #expect(call.drain() == [.message([1, 2, 3]), .end])
        #expect(call.sendMessage([9]) == .message(headers: plainResponseHeaders, frame: [0, 0, 0, 0, 1, 9]))
        #expect(call.finish(.ok) == .trailers(headers: nil, trailers: HeaderList(["grpc-status": "0"])))
        #expect(call.remoteHasEnded)
        #expect(call.streamClosed() == .nothing)
    }

    @Test("a failure before any message is one block")
    func trailersOnlyFailure() {
        var call = ServerCall.accepted()
        let status = GRPCStatus(.notFound, "no such tenant", retryPushbackMilliseconds: 7)
        let extra: KeyValuePairs = ["grpc-retry-pushback-ms": "7", "x": "y"]
        #expect(
            call.finish(status, metadata: HeaderList(["x": "y"]))
                == .trailersOnly(trailersOnly(5, "no such tenant", extra: extra)))
        #expect(!call.remoteHasEnded)
    }

    @Test("a failure after a message comes in trailers")
    func failureAfterMessage() {
        var call = ServerCall.accepted()
        _ = call.sendMessage([1])
        let trailers = HeaderList(["grpc-status": "13", "grpc-message": "oops"])
        #expect(call.finish(GRPCStatus(.internal, "oops")) == .trailers(headers: nil, trailers: trailers))
    }

    @Test("success without any message has headers and trailers")
    func emptySuccess() {
        var call = ServerCall.accepted()
        #expect(
            call.finish(.ok) == .trailers(headers: plainResponseHeaders, trailers: HeaderList(["grpc-status": "0"])))
    }

    @Test("headers may go first, with metadata; then messages go alone, and a failure is no longer one block")
    func explicitHeaders() {
        var call = ServerCall.accepted()
        var expected = plainResponseHeaders
        expected.append("x", "y")
        #expect(call.sendHeaders(metadata: HeaderList(["x": "y"])) == .headers(expected))
        #expect(call.sendHeaders() == .misuse(.headersAlreadySent))
        #expect(call.sendMessage([]) == .message(headers: nil, frame: [0, 0, 0, 0, 0]))
        #expect(call.sendHeaders() == .misuse(.headersAlreadySent))
        #expect(
            call.finish(GRPCStatus(.aborted), metadata: HeaderList(["z": "0"]))
                == .trailers(headers: nil, trailers: HeaderList(["grpc-status": "10", "z": "0"])))
    }

    @Test("what a handler does after it has finished is a mistake")
    func misuse() {
        var call = ServerCall(maxMessageBytes: 10)
        #expect(call.sendHeaders() == .misuse(.notStarted))
        #expect(call.sendMessage([]) == .misuse(.notStarted))
        #expect(call.finish(.ok) == .misuse(.notStarted))
        #expect(call.abort(.ok) == .misuse(.notStarted))
        _ = call.receivedHeaders(requestHeaders())
        _ = call.finish(.ok)
        #expect(call.sendHeaders() == .misuse(.alreadyFinished))
        #expect(call.sendMessage([]) == .misuse(.alreadyFinished))
        #expect(call.finish(.ok) == .misuse(.alreadyFinished))
        #expect(call.abort(GRPCStatus(.deadlineExceeded)) == .drop)
    }

    @Test("what a handler does after the call was aborted, or its stream closed, is dropped")
    func lateReplies() {
        var aborted = ServerCall.accepted()
        let status = GRPCStatus(.deadlineExceeded, "too late")
        #expect(aborted.abort(status) == .trailersOnly(trailersOnly(4, "too late")))
        var closed = ServerCall.accepted()
        _ = closed.sendMessage([1])
        #expect(closed.streamClosed() == .cancelled)
        #expect(closed.streamClosed() == .nothing)
        for var call in [aborted, closed] {
            #expect(call.sendHeaders() == .drop)
            #expect(call.sendMessage([1]) == .drop)
            #expect(call.finish(.ok) == .drop)
            #expect(call.abort(.ok) == .drop)
            #expect(!call.isOpen)
            call.receive(framed([1]))
            call.reservationGranted()
            #expect(call.drain() == [])
        }
    }

    @Test("a message over the limit fails the call from its prefix; its answer is one block")
    func overLimit() throws {
        var call = ServerCall.accepted(maxMessageBytes: 4)
        call.receive([0, 0, 0, 0, 5])
        guard case .fail(let status)? = call.nextInbound() else { throw Missing() }
        #expect(status.code == .resourceExhausted)
        call.receive(pattern(5))
        call.receivedEnd()
        #expect(call.drain() == [])
        #expect(call.abort(status) == .trailersOnly(trailersOnly(8, status.message)))
    }

    @Test("half a message at the end fails the call")
    func halfMessage() throws {
        var call = ServerCall.accepted()
        call.receive(framed([1, 2, 3]).dropLast())
        #expect(call.drain() == [.reserve(wireBytes: 3, heapBytes: 3)])
        call.receivedEnd()
        guard case .fail(let status)? = call.nextInbound() else { throw Missing() }
        #expect(status.code == .internal)
        call.reservationGranted()
        #expect(call.drain() == [])
    }

    @Test("a compressed message needs grpc-encoding")
    func compression() throws {
        let frame = framed(try Gzip.compress(pattern(100)), flag: 1)
        var plain = ServerCall.accepted()
        plain.receive(frame)
        guard case .fail(let status)? = plain.nextInbound() else { throw Missing() }
        #expect(status.code == .internal)

        var gzip = ServerCall.accepted(headers: requestHeaders(extra: ["grpc-encoding": "gzip"]))
        gzip.receive(frame)
        _ = gzip.drain()
        gzip.reservationGranted()
        #expect(gzip.drain() == [.message(pattern(100), wasCompressed: true)])
        gzip.receive(framed([1]))
        _ = gzip.drain()
        gzip.reservationGranted()
        #expect(gzip.drain() == [.message([1], wasCompressed: false)])
    }

    @Test("replies are gzipped when both sides want that and it gains anything", arguments: [true, false])
    func compressedReplies(asRequest: Bool) throws {
        let large = [UInt8](repeating: 1, count: 2_000)
        var headers = requestHeaders(extra: ["grpc-accept-encoding": "gzip"])
        if asRequest { headers.append("grpc-encoding", "gzip") }
        var call = ServerCall.accepted(headers: headers)
        if !asRequest { #expect(call.setReplyEncoding(.gzip) == true) }
        guard case .message(let headers?, let frame) = call.sendMessage(large) else { throw Missing() }
        #expect(headers.value(of: "grpc-encoding") == "gzip")
        #expect(frame[0] == 1 && frame.count < 100)
        #expect(try Gzip.decompress(Array(frame.dropFirst(5)), maxBytes: 2_000) == large)
        #expect(call.sendMessage([1]) == .message(headers: nil, frame: framed([1])))
        #expect(call.sendMessage(large, compress: false) == .message(headers: nil, frame: framed(large)))
    }

    @Test(
        "replies are sent as they are to a client that doesn't accept gzip, that doesn't ask for it, or once it is too late"
    )
    func plainReplies() {
        let large = [UInt8](repeating: 1, count: 2_000)
        let accepting = requestHeaders(extra: ["grpc-accept-encoding": "gzip", "grpc-encoding": "gzip"])
        var refusing = ServerCall.accepted(headers: requestHeaders(extra: ["grpc-encoding": "gzip"]))
        #expect(refusing.setReplyEncoding(.gzip) == false)
        var declined = ServerCall.accepted(headers: accepting)
        #expect(declined.setReplyEncoding(.identity) == true)
        let silent = ServerCall.accepted(headers: requestHeaders(extra: ["grpc-accept-encoding": "gzip"]))
        for var plain in [refusing, declined, silent] {
            #expect(plain.sendMessage(large) == .message(headers: plainResponseHeaders, frame: framed(large)))
            #expect(plain.setReplyEncoding(.gzip) == false)
            #expect(plain.sendMessage(large) == .message(headers: nil, frame: framed(large)))
        }
    }

    @Test("messages stream in both directions at once; a finish stops what still comes in")
    func streaming() {
        var call = ServerCall.accepted()
        _ = call.sendHeaders()
        for round in 0..<5 {
            call.receive(framed(pattern(round)))
            #expect(call.drain() == [.reserve(wireBytes: round, heapBytes: round)])
            call.reservationGranted()
            #expect(call.drain() == [.message(pattern(round))])
            #expect(call.sendMessage(pattern(round)) == .message(headers: nil, frame: framed(pattern(round))))
        }
        #expect(call.finish(.ok) == .trailers(headers: nil, trailers: HeaderList(["grpc-status": "0"])))
        call.receive(framed([1]))
        #expect(call.drain() == [])
        #expect(!call.remoteHasEnded)
    }
}
