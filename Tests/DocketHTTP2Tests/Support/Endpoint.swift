import DocketHeaders
import DocketHTTP2

/// What an endpoint saw: events with the body bytes themselves, neighbouring pieces of one body joined, so that it
/// doesn't depend on how the bytes were split.
enum Note: Equatable, CustomStringConvertible {
    case headers(Int32, HeaderList)
    case body(Int32, Body)
    case other(HTTP2Event)

    var streamID: Int32? {
        switch self {
        case .headers(let streamID, _), .body(let streamID, _): streamID
        case .other(.remoteEnded(let streamID)), .other(.streamClosed(let streamID, _)): streamID
        case .other(.outboundDrained(let streamID)): streamID
        case .other: nil
        }
    }

    var description: String {
        switch self {
        case .headers(let streamID, let list): "headers \(streamID) \(list)"
        case .body(let streamID, let body): "body \(streamID) \(body)"
        case .other(let event): "\(event)"
        }
    }
}

/// Body bytes, in few words when a test fails.
struct Body: Equatable, CustomStringConvertible {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var description: String {
        "\(self.bytes.count) bytes" + (self.bytes.count <= 16 ? " \(self.bytes)" : ", hash \(self.bytes.hashValue)")
    }
}

/// A session with what it saw, and with a rule for what it consumes.
final class Endpoint {
    let session: HTTP2Session
    private(set) var notes: [Note] = []
    /// Gives every byte back at once when set; else the test does.
    var consumesAtOnce = true
    /// What a test does on an event, inside `onEvent`.
    var reaction: ((HTTP2Event, HTTP2Session) -> Void)?

    init(_ role: HTTP2Role, _ change: (inout HTTP2Configuration) -> Void = { _ in }) throws {
        var configuration = HTTP2Configuration()
        change(&configuration)
        self.session = try HTTP2Session(role: role, configuration: configuration)
    }

    func receive(_ bytes: [UInt8]) throws(HTTP2Error) {
        // `Array.withUnsafeBytes` doesn't carry typed errors.
        let result: Result<Void, HTTP2Error> = bytes.withUnsafeBytes { buffer in
            Result { () throws(HTTP2Error) in
                try self.session.receive(buffer) { self.note($0, buffer) }
            }
        }
        try result.get()
    }

    /// Everything the session wants to send now, or about so many bytes of it.
    func output(upToBytes limit: Int = .max) throws(HTTP2Error) -> [UInt8] {
        var bytes: [UInt8] = []
        try self.session.output(upToBytes: limit) { bytes.append(contentsOf: $0) }
        self.session.drainEvents { self.note($0, UnsafeRawBufferPointer(start: nil, count: 0)) }
        return bytes
    }

    /// The same, with the error that came after it.
    func outputAndError() -> (bytes: [UInt8], error: HTTP2Error?) {
        var bytes: [UInt8] = []
        do throws(HTTP2Error) {
            try self.session.output { bytes.append(contentsOf: $0) }
            return (bytes, nil)
        } catch {
            return (bytes, error)
        }
    }

    private func note(_ event: HTTP2Event, _ buffer: UnsafeRawBufferPointer) {
        switch event {
        case .headers(let streamID, let headers):
            self.notes.append(.headers(streamID, headers))
        case .data(let streamID, let range):
            let bytes = Array(buffer[range])
            if case .body(streamID, var body)? = self.notes.last {
                self.notes.removeLast()
                body.bytes += bytes
                self.notes.append(.body(streamID, body))
            } else {
                self.notes.append(.body(streamID, Body(bytes)))
            }
            if self.consumesAtOnce { self.consume(streamID, range.count) }
        default:
            self.notes.append(.other(event))
        }
        self.reaction?(event, self.session)
    }

    /// Gives bytes back on both levels.
    func consume(_ streamID: Int32, _ bytes: Int) {
        self.session.consume(streamID: streamID, bytes: bytes)
        self.session.consumeConnection(bytes: bytes)
    }

    /// What was seen of one stream, without the news of drained queues, which are no part of the wire.
    func notes(of streamID: Int32) -> [Note] {
        self.notes.reduce(into: []) { notes, note in
            guard note.streamID == streamID, note != .other(.outboundDrained(streamID: streamID)) else { return }
            if case .body(_, let piece) = note, case .body(_, var body)? = notes.last {
                body.bytes += piece.bytes
                notes[notes.count - 1] = .body(streamID, body)
            } else {
                notes.append(note)
            }
        }
    }

    /// The body that a stream has brought so far.
    func body(of streamID: Int32) -> Body {
        var bytes: [UInt8] = []
        for case .body(streamID, let piece) in self.notes { bytes += piece.bytes }
        return Body(bytes)
    }

    func saw(_ event: HTTP2Event) -> Bool { self.notes.contains(.other(event)) }

    /// With which error code a stream was closed; `nil` while it is open.
    func closeCode(of streamID: Int32) -> UInt32? {
        for case .other(.streamClosed(streamID, let code)) in self.notes { return code }
        return nil
    }
}

/// A client and a server, back to back.
struct Wire {
    let client: Endpoint
    let server: Endpoint
    /// How many bytes the next piece has, at most; asked anew for each piece.
    var pieceBytes: () -> Int = { Int.max }

    init(
        client: (inout HTTP2Configuration) -> Void = { _ in }, server: (inout HTTP2Configuration) -> Void = { _ in }
    ) throws {
        self.client = try Endpoint(.client, client)
        self.server = try Endpoint(.server, server)
    }

    /// Carries bytes to and fro until both sides are silent.
    func run() throws {
        while true {
            let up = try self.client.output()
            try self.carry(up, to: self.server)
            let down = try self.server.output()
            try self.carry(down, to: self.client)
            if up.isEmpty && down.isEmpty { return }
        }
    }

    private func carry(_ bytes: [UInt8], to endpoint: Endpoint) throws(HTTP2Error) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(self.pieceBytes())
            try endpoint.receive(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
    }
}

/// The heads of a gRPC call.
enum Heads {
    static let request = HeaderList([
        ":method": "POST", ":scheme": "http", ":path": "/docket.v1.CollectorService/Publish",
        ":authority": "collector", "content-type": "application/grpc", "te": "trailers", "grpc-timeout": "5S",
    ])
    static let response = HeaderList([":status": "200", "content-type": "application/grpc"])
    static let trailers = HeaderList(["grpc-status": "0", "grpc-message": ""])
}
