import DocketGRPC
import DocketMessages

// The messages of Protos/grpc/testing/messages.proto, as far as the server looks at them.

/// A `SimpleRequest`.
struct SimpleRequest {
    var hasKnownResponseType = true
    var responseSize = 0
    var responseCompressed: Bool?
    var expectCompressed: Bool?
    var responseStatus: GRPCStatus?

    init(serialized bytes: [UInt8]) throws(MessageError) {
        try readFields(of: bytes[...], "grpc.testing.SimpleRequest") { field throws(MessageError) in
            switch field {
            case .varint(1, let type): self.hasKnownResponseType = type == 0
            case .varint(2, let size): self.responseSize = int32(size)
            case .bytes(6, let value): self.responseCompressed = try boolValue(value)
            case .bytes(7, let status): self.responseStatus = try echoStatus(status)
            case .bytes(8, let value): self.expectCompressed = try boolValue(value)
            default: break
            }
        }
    }
}

/// A `StreamingInputCallRequest`.
struct StreamingInputCallRequest {
    var payloadSize = 0
    var expectCompressed: Bool?

    init(serialized bytes: [UInt8]) throws(MessageError) {
        try readFields(of: bytes[...], "grpc.testing.StreamingInputCallRequest") { field throws(MessageError) in
            switch field {
            case .bytes(1, let payload): self.payloadSize = try bodySize(payload)
            case .bytes(2, let value): self.expectCompressed = try boolValue(value)
            default: break
            }
        }
    }
}

/// A `StreamingOutputCallRequest`.
struct StreamingOutputCallRequest {
    /// A `ResponseParameters`.
    struct Response {
        var size = 0
        var interval = Duration.zero
        var compressed: Bool?
    }

    var hasKnownResponseType = true
    var responses: [Response] = []
    var responseStatus: GRPCStatus?

    init(serialized bytes: [UInt8]) throws(MessageError) {
        try readFields(of: bytes[...], "grpc.testing.StreamingOutputCallRequest") { field throws(MessageError) in
            switch field {
            case .varint(1, let type): self.hasKnownResponseType = type == 0
            case .bytes(2, let parameters): self.responses.append(try Self.response(parameters))
            case .bytes(7, let status): self.responseStatus = try echoStatus(status)
            default: break
            }
        }
    }

    private static func response(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> Response {
        var response = Response()
        try readFields(of: bytes, "grpc.testing.ResponseParameters") { field throws(MessageError) in
            switch field {
            case .varint(1, let size): response.size = int32(size)
            case .varint(2, let interval): response.interval = .microseconds(int32(interval))
            case .bytes(3, let value): response.compressed = try boolValue(value)
            default: break
            }
        }
        return response
    }
}

/// The encoded `SimpleResponse` or `StreamingOutputCallResponse`, which are alike, with a payload of zeros.
func response(payloadSize: Int) -> [UInt8] {
    var payload = WireWriter()
    if payloadSize > 0 { payload.append(field: 2, [UInt8](repeating: 0, count: payloadSize)) }
    var response = WireWriter()
    response.append(field: 1, payload.bytes)
    return response.bytes
}

/// The encoded `StreamingInputCallResponse`.
func response(aggregatedPayloadSize: Int) -> [UInt8] {
    var response = WireWriter()
    response.append(field: 1, varint: UInt64(aggregatedPayloadSize))
    return response.bytes
}

// MARK: Parts

private func readFields(
    of bytes: ArraySlice<UInt8>, _ name: String, _ body: (WireReader.Field) throws(MessageError) -> Void
) throws(MessageError) {
    var reader = WireReader(bytes, of: name)
    while let field = try reader.next() { try body(field) }
}

/// An `int32`, which stands sign-extended to 64 bits on the wire.
private func int32(_ value: UInt64) -> Int { Int(Int32(truncatingIfNeeded: value)) }

private func boolValue(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> Bool {
    var found = false
    try readFields(of: bytes, "grpc.testing.BoolValue") { field throws(MessageError) in
        if case .varint(1, let value) = field { found = value != 0 }
    }
    return found
}

/// The status to end with; `nil` when it is OK. A number that is no code is UNKNOWN.
private func echoStatus(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> GRPCStatus? {
    var status = GRPCStatus.ok
    try readFields(of: bytes, "grpc.testing.EchoStatus") { field throws(MessageError) in
        switch field {
        case .varint(1, let code): status.code = GRPCCode(rawValue: int32(code)) ?? .unknown
        case .bytes(2, let message): status.message = String(decoding: message, as: UTF8.self)
        default: break
        }
    }
    return status.isOK ? nil : status
}

private func bodySize(_ payload: ArraySlice<UInt8>) throws(MessageError) -> Int {
    var size = 0
    try readFields(of: payload, "grpc.testing.Payload") { field throws(MessageError) in
        if case .bytes(2, let body) = field { size = body.count }
    }
    return size
}
