import DocketCodec
import DocketGRPC
import DocketHTTP2
import DocketHeaders
import DocketModel

/// The way of an event, from a client's bytes to COPY tuples and the answer. In two of four modes the input is the
/// whole connection, in the others an honest client carries it in a call that is in order.
enum PipelineTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let flags = input.byte()
        let seed = input.byte()
        let bytes = input.remaining()
        let server = try FuzzServer()
        switch flags & 3 {
        case 0:
            for piece in Pieces(of: bytes, seed: seed) where !server.hasFailed { _ = server.exchange(piece) }
        case 1:
            let start = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
            for piece in Pieces(of: start + bytes, seed: seed) where !server.hasFailed { _ = server.exchange(piece) }
        case 2:
            // The body as it comes.
            try self.call(server, frames: [bytes], isGzip: flags & 4 != 0, seed: seed)
        default:
            // The input is a publish request, or several, each behind two bytes of length.
            var rest = FuzzInput(bytes)
            var frames: [[UInt8]] = []
            while flags & 8 != 0, !rest.isAtEnd, frames.count < 16 {
                frames.append(MessageFraming.frame(rest.bytes(Int(rest.byte()) << 8 | Int(rest.byte()))))
            }
            if frames.isEmpty { frames = [MessageFraming.frame(bytes)] }
            try self.call(server, frames: frames, isGzip: flags & 4 != 0, seed: seed)
        }
        server.close()
        try require(server.findings.isEmpty, server.findings.joined(separator: "; "))
    }

    /// Makes one call with those bytes as its body; it must end with a status, and the connection must live on.
    private static func call(
        _ server: FuzzServer, frames: [[UInt8]], isGzip: Bool, seed: UInt8
    ) throws(FuzzFinding) {
        let client = try requireNoError("a session") { () throws(HTTP2Error) in try HTTP2Session(role: .client) }
        var call = ClientCall(maxMessageBytes: 4 * 1024 * 1024)
        let request = GRPCClientRequest(
            path: FuzzServer.path, authority: "localhost", scheme: "http", encoding: isGzip ? .gzip : .identity)
        try requireNoError("an honest client") { () throws(HTTP2Error) in
            let streamID = try client.submitRequest(headers: call.start(request), endStream: false)
            for frame in frames { try client.sendData(streamID: streamID, frame) }
            try client.endStream(streamID: streamID)
        }
        var statuses: [GRPCStatus] = []
        while true {
            let up = try self.output(of: client)
            var down: [UInt8] = []
            for piece in Pieces(of: up, seed: seed) { down += server.exchange(piece) }
            if up.isEmpty, down.isEmpty { break }
            let result = unsafe down.withUnsafeBytes { buffer in
                Result { () throws(HTTP2Error) in
                    try unsafe client.receive(buffer) { event in
                        unsafe self.take(event, buffer, &call, client, &statuses)
                    }
                }
            }
            try requireNoError("the server's bytes") { () throws(HTTP2Error) in try result.get() }
        }
        try requireEqual(statuses.count, 1, "how often the call ended; statuses \(statuses)")
        try require(
            statuses.first?.code != .internal || server.hasFaultyFraming, "an honest call ended as \(statuses)")
    }

    private static func take(
        _ event: HTTP2Event, _ buffer: UnsafeRawBufferPointer, _ call: inout ClientCall, _ client: HTTP2Session,
        _ statuses: inout [GRPCStatus]
    ) {
        switch event {
        case .headers(_, let list): call.receivedHeaders(list)
        case .data(let streamID, let range):
            unsafe call.receivedData(UnsafeRawBufferPointer(rebasing: buffer[range]))
            client.consume(streamID: streamID, bytes: range.count)
            client.consumeConnection(bytes: range.count)
        case .remoteEnded: call.receivedEnd()
        case .streamClosed(_, let code): call.streamClosed(errorCode: code)
        default: return
        }
        while let action = call.nextInbound() {
            switch action {
            case .reserve: call.reservationGranted()
            case .status(let status, _), .fail(let status): statuses.append(status)
            case .metadata, .message: break
            }
        }
    }

    private static func output(of session: HTTP2Session) throws(FuzzFinding) -> [UInt8] {
        var bytes: [UInt8] = []
        try requireNoError("an honest client's output") { () throws(HTTP2Error) in
            try unsafe session.output { unsafe bytes.append(contentsOf: $0) }
        }
        session.drainEvents { _ in }
        return bytes
    }
}
