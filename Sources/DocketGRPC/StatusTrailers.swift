package import DocketHeaders

extension GRPCStatus {
    /// The longest `grpc-message` to send, in encoded bytes. Peers limit trailers, with 8 KiB suggested: a longer
    /// message would cost the whole status.
    package static let maxEncodedMessageBytes = 2048

    /// The longest `grpc-status-details-bin` to send, in encoded bytes; longer details are left out.
    package static let maxEncodedDetailsBytes = 4096

    /// Appends the fields that carry the status.
    package func append(to trailers: inout HeaderList) {
        trailers.append("grpc-status", String(self.code.rawValue))
        if !self.message.isEmpty {
            trailers.append(name: "grpc-message".utf8, value: self.encodedMessage)
        }
        if !self.details.isEmpty {
            let encoded = Base64.encode(self.details)
            if encoded.count <= Self.maxEncodedDetailsBytes {
                trailers.append(name: "grpc-status-details-bin".utf8, value: encoded)
            }
        }
        if let pushback = self.retryPushbackMilliseconds {
            trailers.append("grpc-retry-pushback-ms", String(Int32(clamping: pushback)))
        }
    }

    /// The status that a block carries; `nil` when it has no `grpc-status`.
    ///
    /// A number that is no code reads as UNKNOWN; details that are not base64 are left out; pushback that is not a
    /// number means, as a negative one, that the client should not try again (gRPC A6).
    package init?(trailers: HeaderList) {
        guard let number = trailers.value(of: "grpc-status") else { return nil }
        let code = Int(number).flatMap { GRPCCode(rawValue: $0) }
        self.init(code ?? .unknown)
        if let index = trailers.firstIndex(of: "grpc-message") {
            self.message = PercentEncoding.decode(trailers.valueBytes(at: index))
        } else if code == nil {
            self.message = "the server sent grpc-status \(number.prefix(40)), which is no status code"
        }
        self.details = trailers.binaryValues(of: "grpc-status-details-bin").first ?? []
        if let pushback = trailers.value(of: "grpc-retry-pushback-ms") {
            self.retryPushbackMilliseconds = Int32(pushback).map { Int(max($0, -1)) } ?? -1
        }
    }

    /// Percent-encoded, and cut in front of the first character that would not fit whole.
    private var encodedMessage: [UInt8] {
        let whole = PercentEncoding.encode(self.message)
        guard whole.count > Self.maxEncodedMessageBytes else { return whole }
        var cut: [UInt8] = []
        for character in self.message {
            let encoded = PercentEncoding.encode(String(character))
            guard cut.count + encoded.count <= Self.maxEncodedMessageBytes else { break }
            cut.append(contentsOf: encoded)
        }
        return cut
    }
}
