import DocketGRPC
import DocketHeaders
import Testing

@Suite("status")
struct GRPCStatusTests {
    @Test("the codes are numbered and named as in gRPC's statuscodes.md")
    func codes() {
        let names = [
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
            "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        ]
        #expect((0...16).map { GRPCCode(rawValue: $0)?.name } == names)
        #expect(GRPCCode(rawValue: 17) == nil)
    }

    @Test(
        "HTTP statuses map as in http-grpc-status-mapping.md",
        arguments: [
            (400, GRPCCode.internal), (401, .unauthenticated), (403, .permissionDenied), (404, .unimplemented),
            (429, .unavailable), (431, .internal), (502, .unavailable), (503, .unavailable), (504, .unavailable),
            (200, .unknown), (204, .unknown), (301, .unknown), (415, .unknown), (500, .unknown), (0, .unknown),
        ])
    func httpStatus(http: Int, code: GRPCCode) {
        #expect(GRPCCode(httpStatus: http) == code)
    }

    @Test("HTTP/2 error codes map as in PROTOCOL-HTTP2.md")
    func http2ErrorCodes() {
        let expected: [GRPCCode] = [
            .internal, .internal, .internal, .internal, .internal, .internal, .internal, .unavailable, .cancelled,
            .internal,
            .internal, .resourceExhausted, .permissionDenied, .unknown, .unknown,
        ]
        #expect((0..<15).map { GRPCCode(http2ErrorCode: UInt32($0)) } == expected)
    }

    @Test(
        "a status goes into trailers and comes back",
        arguments: [
            GRPCStatus.ok, GRPCStatus(.notFound), GRPCStatus(.invalidArgument, "tenant “é%” is\nunknown"),
            GRPCStatus(.resourceExhausted, "later", details: [8, 8, 18, 0, 255], retryPushbackMilliseconds: 1500),
            GRPCStatus(.unavailable, "never again", retryPushbackMilliseconds: -1),
            GRPCStatus(.unavailable, "at once", retryPushbackMilliseconds: 0),
        ])
    func roundTrip(status: GRPCStatus) {
        var trailers = HeaderList()
        status.append(to: &trailers)
        #expect(GRPCStatus(trailers: trailers) == status)
    }

    @Test("the fields have their documented names and forms")
    func fields() {
        var trailers = HeaderList()
        GRPCStatus(.resourceExhausted, "50%", details: [0xFB, 0xFF], retryPushbackMilliseconds: .max).append(
            to: &trailers)
        #expect(
            trailers
                == HeaderList([
                    "grpc-status": "8", "grpc-message": "50%25", "grpc-status-details-bin": "+/8",
                    "grpc-retry-pushback-ms": "2147483647",
                ]))
    }

    @Test(
        "an unknown number reads as UNKNOWN and keeps the message",
        arguments: ["17", "-1", "abc", "", "99999999999999999999"])
    func unknownCode(number: String) {
        #expect(
            GRPCStatus(trailers: HeaderList(["grpc-status": number, "grpc-message": "why"]))
                == GRPCStatus(.unknown, "why"))
        #expect(GRPCStatus(trailers: HeaderList(["grpc-status": number]))?.message.contains(number) == true)
    }

    @Test("without grpc-status there is no status")
    func noStatus() {
        #expect(GRPCStatus(trailers: HeaderList(["grpc-message": "x"])) == nil)
    }

    @Test(
        "negative pushback, and what is no number, mean: do not try again",
        arguments: [("-1", -1), ("-500", -1), ("soon", -1), ("", -1), ("2147483648", -1), ("0", 0), ("250", 250)])
    func pushback(value: String, milliseconds: Int) {
        let trailers = HeaderList(["grpc-status": "14", "grpc-retry-pushback-ms": value])
        #expect(GRPCStatus(trailers: trailers)?.retryPushbackMilliseconds == milliseconds)
    }

    @Test("details that are not base64 are left out, the status stays")
    func badDetails() {
        let trailers = HeaderList(["grpc-status": "5", "grpc-status-details-bin": "***"])
        #expect(GRPCStatus(trailers: trailers) == GRPCStatus(.notFound))
    }

    @Test("a message too long for trailers is cut between characters; details too long are left out")
    func longStatus() throws {
        var trailers = HeaderList()
        let message = String(repeating: "é", count: 2_000)
        GRPCStatus(.internal, message, details: pattern(4_000)).append(to: &trailers)
        let status = try #require(GRPCStatus(trailers: trailers))
        #expect(status.message == String(repeating: "é", count: GRPCStatus.maxEncodedMessageBytes / 6))
        #expect(status.details == [])
        #expect(trailers.sizeBytes < 8 * 1024)
    }
}
