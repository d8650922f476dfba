import DocketCompression

/// The length-prefixed message (gRPC `doc/PROTOCOL-HTTP2.md`): one byte of compressed-flag, four bytes of length, big
/// endian, then the message.
package enum MessageFraming {
    /// The size of the prefix in bytes.
    package static let prefixBytes = 5

    /// The longest message that the prefix can announce, in bytes.
    package static let maxMessageBytes = Int(UInt32.max)

    /// Messages shorter than this are sent as they are: gzip's own 18 bytes and its time outweigh the gain.
    package static let minCompressedMessageBytes = 512

    /// The message with its prefix, uncompressed.
    package static func frame(_ message: [UInt8]) -> [UInt8] { Self.frame(message, compressed: false) }

    /// Writes the prefix into the first five bytes of `buffer`, behind which the message, uncompressed, stands already:
    /// so that an encoder that leaves room for it saves the copy.
    package static func writePrefix(into buffer: inout [UInt8]) {
        let length = buffer.count - Self.prefixBytes
        precondition(
            (0...Self.maxMessageBytes).contains(length), "a frame has a prefix of 5 bytes and at most 4 GiB behind it")
        buffer[0] = 0
        for index in 1...4 { buffer[index] = UInt8(truncatingIfNeeded: length >> (8 * (4 - index))) }
    }

    /// The frame with its message gzipped, when that makes it smaller; `frame` is what ``writePrefix(into:)`` has finished.
    package static func compress(frame: [UInt8]) -> [UInt8] {
        Self.frameCompressed(Array(frame.dropFirst(Self.prefixBytes)))
    }

    /// The message with its prefix, gzipped when that makes it smaller.
    static func frameCompressed(_ message: [UInt8]) -> [UInt8] {
        guard message.count >= Self.minCompressedMessageBytes, let compressed = try? Gzip.compress(message),
            compressed.count < message.count
        else { return Self.frame(message) }
        return Self.frame(compressed, compressed: true)
    }

    private static func frame(_ message: [UInt8], compressed: Bool) -> [UInt8] {
        let length = UInt32(message.count)
        var frame: [UInt8] = []
        frame.reserveCapacity(Self.prefixBytes + message.count)
        frame.append(compressed ? 1 : 0)
        for shift in [24, 16, 8, 0] as [UInt32] { frame.append(UInt8(truncatingIfNeeded: length >> shift)) }
        frame.append(contentsOf: message)
        return frame
    }
}
