import DocketGRPC
import DocketHeaders
import DocketMessages
import DocketRPC
import DocketTransport

/// `grpc.testing.TestService`, as gRPC's `doc/interop-test-descriptions.md` has it, for the clients that run its cases.
///
/// `UnimplementedCall` and `grpc.testing.UnimplementedService` are left out, as the document wants it.
enum TestService {
    static let name = "grpc.testing.TestService"

    /// The largest payload that may be asked for, in bytes.
    static let maxPayloadBytes = 8 << 20

    static func register(in methods: inout RPCMethods) {
        methods.register(Self.name, "EmptyCall") { _ in
            UnaryHandler { message, call in
                message.reservation.release()
                call.replyEchoing([])
            }
        }
        methods.register(Self.name, "UnaryCall") { _ in
            UnaryHandler { message, call in
                defer { message.reservation.release() }
                do throws(GRPCStatus) {
                    try Self.answerUnaryCall(message, call)
                } catch {
                    call.finishEchoing(error)
                }
            }
        }
        methods.register(Self.name, "StreamingInputCall") { _ in InputHandler() }
        methods.register(Self.name, "StreamingOutputCall") { OutputHandler(.single, call: $0) }
        methods.register(Self.name, "FullDuplexCall") { OutputHandler(.asTheyCome, call: $0) }
        methods.register(Self.name, "HalfDuplexCall") { OutputHandler(.afterTheLast, call: $0) }
    }

    private static func answerUnaryCall(_ message: InboundMessage, _ call: ServerCallContext) throws(GRPCStatus) {
        let request = try Self.read { () throws(MessageError) in try SimpleRequest(serialized: message.bytes) }
        try Self.check(message, expectCompressed: request.expectCompressed)
        try Self.check(payloadSize: request.responseSize, hasKnownType: request.hasKnownResponseType)
        if let status = request.responseStatus { throw status }
        if request.responseCompressed == true { call.setReplyEncoding(.gzip) }
        call.replyEchoing(
            response(payloadSize: request.responseSize), compress: request.responseCompressed ?? true)
    }

    // MARK: What the handlers share

    static func read<Message>(
        _ body: () throws(MessageError) -> Message
    ) throws(GRPCStatus) -> Message {
        do {
            return try body()
        } catch {
            throw GRPCStatus(.invalidArgument, error.description)
        }
    }

    static func check(_ message: InboundMessage, expectCompressed: Bool?) throws(GRPCStatus) {
        guard let expectCompressed, expectCompressed != message.wasCompressed else { return }
        throw GRPCStatus(
            .invalidArgument,
            expectCompressed ? "the message was expected to be compressed" : "the message was expected to be as it is")
    }

    static func check(payloadSize: Int, hasKnownType: Bool) throws(GRPCStatus) {
        guard hasKnownType else {
            throw GRPCStatus(.invalidArgument, "the response type is not COMPRESSABLE, the only one there is")
        }
        guard (0...Self.maxPayloadBytes).contains(payloadSize) else {
            throw GRPCStatus(
                .invalidArgument, "a payload of \(payloadSize) bytes; choose 0 to \(Self.maxPayloadBytes)")
        }
    }
}

extension ServerCallContext {
    /// What the client wants to see again in the response headers.
    var echoedInitial: HeaderList {
        let name = "x-grpc-test-echo-initial"
        var echoed = HeaderList()
        for value in self.head.headers.values(of: name) { echoed.append(name, value) }
        return echoed
    }

    /// What the client wants to see again in the trailers.
    private var echoedTrailing: HeaderList {
        let name = "x-grpc-test-echo-trailing-bin"
        var echoed = HeaderList()
        for value in self.head.headers.binaryValues(of: name) { echoed.appendBinary(name, value) }
        return echoed
    }

    /// Answers a call that has one reply.
    func replyEchoing(_ message: [UInt8], compress: Bool = true) {
        let initial = self.echoedInitial
        if !initial.isEmpty { self.sendHeaders(initial) }
        self.send(message, compress: compress)
        self.finishEchoing(.ok)
    }

    /// Ends a call.
    func finishEchoing(_ status: GRPCStatus) {
        self.finish(status, metadata: self.echoedTrailing)
    }
}

/// `StreamingInputCall`: adds up what comes.
private final class InputHandler: ServerCallHandler {
    private var payloadSize = 0

    func receive(_ message: InboundMessage, call: ServerCallContext) {
        defer { message.reservation.release() }
        do throws(GRPCStatus) {
            let request = try TestService.read { () throws(MessageError) in
                try StreamingInputCallRequest(serialized: message.bytes)
            }
            try TestService.check(message, expectCompressed: request.expectCompressed)
            self.payloadSize += request.payloadSize
        } catch {
            call.finishEchoing(error)
        }
    }

    func receiveEnd(call: ServerCallContext) {
        call.replyEchoing(response(aggregatedPayloadSize: self.payloadSize))
    }

    func cancelled(call: ServerCallContext) {}
}
