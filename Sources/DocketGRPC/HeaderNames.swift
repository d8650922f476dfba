package import DocketHeaders

/// Comparisons on a block's bytes, so that it is read without making a string, and with hardly any reference
/// counting: on the way of a single event that would cost more than all the rest of this room.
extension Span<UInt8> {
    /// Whether the bytes are those of an ASCII text.
    func equals(_ text: StaticString) -> Bool {
        self.count == text.utf8CodeUnitCount && self.starts(with: text)
    }

    /// Whether the bytes begin with an ASCII text.
    func starts(with text: StaticString) -> Bool { self.has(text, at: 0) }

    /// Whether an ASCII text stands at an index; false as well when it would reach past the end.
    func has(_ text: StaticString, at start: Int) -> Bool {
        guard text.utf8CodeUnitCount <= self.count - start else { return false }
        for index in 0..<text.utf8CodeUnitCount where unsafe self[start + index] != text.utf8Start[index] {
            return false
        }
        return true
    }

    /// Whether they are a content type of gRPC: `application/grpc`, alone or followed by a subtype (`+proto`) or
    /// parameters. `application/grpc-web` is another protocol.
    var isGRPCContentType: Bool {
        let name: StaticString = "application/grpc"
        guard self.starts(with: name) else { return false }
        guard self.count > name.utf8CodeUnitCount else { return true }
        switch self[name.utf8CodeUnitCount] {
        case UInt8(ascii: "+"), UInt8(ascii: ";"), UInt8(ascii: " "): return true
        default: return false
        }
    }

    /// Whether they are a comma-separated list with the entry `gzip`.
    var listsGzip: Bool {
        var start = 0
        while start < self.count {
            while start < self.count, self[start] == UInt8(ascii: " ") { start += 1 }
            var end = start
            while end < self.count, self[end] != UInt8(ascii: ","), self[end] != UInt8(ascii: " ") { end += 1 }
            if end - start == 4, self.has("gzip", at: start) { return true }
            while end < self.count, self[end] != UInt8(ascii: ",") { end += 1 }
            start = end + 1
        }
        return false
    }

    /// Whether they are `/`, a service's name, `/`, a method's name.
    var isMethodPath: Bool {
        guard self.count >= 4, self[0] == UInt8(ascii: "/") else { return false }
        for index in stride(from: self.count - 1, to: 0, by: -1) where self[index] == UInt8(ascii: "/") {
            return index > 1 && index < self.count - 1
        }
        return false
    }
}

extension HeaderList {
    /// Appends binary metadata: base64 without padding.
    ///
    /// - Parameter name: lower case, ending in `-bin`.
    package mutating func appendBinary(_ name: String, _ value: some Collection<UInt8>) {
        precondition(name.hasSuffix("-bin"), "binary metadata is named with -bin at its end, not \(name)")
        self.append(name: name.utf8, value: Base64.encode(value))
    }

    /// The values of binary metadata, joined ones split at their commas; those that are not base64 are left out.
    package func binaryValues(of name: String) -> [[UInt8]] {
        (0..<self.count)
            .filter { self.nameBytes(at: $0).elementsEqual(name.utf8) }
            .flatMap { self.valueBytes(at: $0).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) }
            .compactMap { Base64.decode($0) }
    }
}
