import DocketGRPC
import DocketHeaders

/// What gRPC reads out of header fields, alone and in lists.
enum MetadataTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let flags = input.byte()
        let bytes = input.remaining()
        try self.percentEncoding(bytes)
        try self.base64(bytes)
        try self.timeout(bytes)
        let fields = bytes.split(separator: 0, maxSplits: 64, omittingEmptySubsequences: false)
        try self.request(fields, flags: flags)
        try self.response(fields, flags: flags)
        try self.status(fields, flags: flags)
    }

    // MARK: Values

    private static func percentEncoding(_ bytes: [UInt8]) throws(FuzzFinding) {
        for text in [PercentEncoding.decode(bytes), String(decoding: bytes, as: UTF8.self)] {
            let encoded = PercentEncoding.encode(text)
            try require(encoded.allSatisfy { (0x20...0x7E).contains($0) }, "\(encoded) is no value of a header field")
            // Strings with other scalars may be equal: bytes are compared.
            try requireEqual(
                Array(PercentEncoding.decode(encoded).utf8), Array(text.utf8), "what was percent-encoded")
        }
    }

    private static func base64(_ bytes: [UInt8]) throws(FuzzFinding) {
        let encoded = Base64.encode(bytes)
        try requireEqual(Base64.decode(encoded), bytes, "what was base64-encoded")
        let padding = [UInt8](repeating: UInt8(ascii: "="), count: (4 - encoded.count % 4) % 4)
        try requireEqual(Base64.decode(encoded + padding), bytes, "what was base64-encoded, padded")
        guard let decoded = Base64.decode(bytes) else { return }
        // There is one form without padding and one with it.
        let again = Base64.encode(decoded)
        try requireEqual(again, bytes.filter { $0 != UInt8(ascii: "=") }, "base64 that was read")
        try require(bytes.count == again.count || bytes.count.isMultiple(of: 4), "padding that pads nothing was read")
    }

    private static func timeout(_ bytes: [UInt8]) throws(FuzzFinding) {
        guard let timeout = GRPCTimeout.decode(bytes) else { return }
        try require(bytes.count <= 9 && timeout >= .zero, "\(bytes) was read as \(timeout)")
        let encoded = GRPCTimeout.encode(timeout)
        let expected = timeout == .zero ? .nanoseconds(1) : timeout
        try requireEqual(GRPCTimeout.decode(encoded.utf8), expected, "the timeout \(encoded)")
    }

    // MARK: Lists

    /// The fields of a call that is in order, as far as the flags leave them, and behind or before them the input's.
    private static func list(
        _ fields: [ArraySlice<UInt8>], _ sound: KeyValuePairs<String, String>, flags: UInt8
    ) -> HeaderList {
        var list = HeaderList()
        func append() {
            for index in stride(from: 0, to: fields.count - 1, by: 2) {
                list.append(name: fields[index], value: fields[index + 1])
            }
        }
        if flags & 0x80 != 0 { append() }
        for (index, (name, value)) in sound.enumerated() where flags & (1 << UInt8(index & 7)) == 0 {
            list.append(name, value)
        }
        if flags & 0x80 == 0 { append() }
        return list
    }

    private static func request(_ fields: [ArraySlice<UInt8>], flags: UInt8) throws(FuzzFinding) {
        let sound: KeyValuePairs = [
            ":method": "POST", ":path": "/a.b/c", "te": "trailers", "content-type": "application/grpc",
        ]
        let list = self.list(fields, sound, flags: flags)
        _ = list.binaryValues(of: "x-bin")
        var call = ServerCall(maxMessageBytes: 1024)
        switch call.receivedHeaders(list) {
        case .accept(let head):
            let path = "/\(head.service)/\(head.method)"
            try requireEqual(Array(path.utf8), Array(head.path.utf8), "the path of service and method")
            try require(head.timeout ?? .zero >= .zero && head.previousAttempts >= 0, "a negative number was read")
            guard case .message(let headers, _) = call.sendMessage([]), headers != nil else {
                throw FuzzFinding(message: "an accepted call can't be answered")
            }
            try require(!call.isOpen || call.finish(.ok) != .drop, "an open call can't be finished")
        case .refuse(let block):
            let status = GRPCStatus(trailers: block)
            try require(status != nil && status?.isOK == false, "\(list) is refused with \(String(describing: status))")
            try requireEqual(call.finish(.ok), .drop, "what comes of finishing a refused call")
        case .ignore:
            throw FuzzFinding(message: "the first header block of a call was ignored")
        }
    }

    private static func response(_ fields: [ArraySlice<UInt8>], flags: UInt8) throws(FuzzFinding) {
        var call = ClientCall(maxMessageBytes: 1024)
        _ = call.start(GRPCClientRequest(path: "/a.b/c", authority: "localhost", scheme: "http"))
        let sound: KeyValuePairs = [":status": "200", "content-type": "application/grpc"]
        call.receivedHeaders(self.list(fields, sound, flags: flags))
        var ends = 0
        func take() {
            while let action = call.nextInbound() {
                switch action {
                case .status, .fail: ends += 1
                case .metadata, .message, .reserve: break
                }
            }
        }
        take()
        call.receivedHeaders(self.list(fields, ["grpc-status": "0"], flags: flags))
        take()
        call.receivedEnd()
        take()
        try requireEqual(ends, 1, "how often a call ended")
        try requireEqual(call.nextInbound(), nil, "what comes behind the end")
    }

    private static func status(_ fields: [ArraySlice<UInt8>], flags: UInt8) throws(FuzzFinding) {
        let code = GRPCCode(rawValue: Int(flags & 31)) ?? .unknown
        let message = String(decoding: fields.first ?? [], as: UTF8.self)
        let status = GRPCStatus(code, message, details: Array(fields.last ?? []), retryPushbackMilliseconds: Int(flags))
        var list = HeaderList()
        status.append(to: &list)
        guard let back = GRPCStatus(trailers: list) else { throw FuzzFinding(message: "\(list) has no status") }
        try requireEqual(back.code, code, "the status code")
        try requireEqual(back.retryPushbackMilliseconds, Int(flags), "the pushback")
        try require(
            list.sizeBytes < 8192 && Array(message.utf8).starts(with: back.message.utf8),
            "\(list.sizeBytes) bytes carry \(back.message)")
        if PercentEncoding.encode(message).count <= GRPCStatus.maxEncodedMessageBytes {
            try requireEqual(Array(back.message.utf8), Array(message.utf8), "the status message")
        }
        if Base64.encode(status.details).count <= GRPCStatus.maxEncodedDetailsBytes {
            try requireEqual(back.details, status.details, "the status details")
        }
    }
}
