/// gzip (RFC 1952) for whole messages.
///
/// The cap of ``decompress(_:maxBytes:)`` holds while inflating: a message that expands a thousandfold costs no more
/// memory than its caller granted. Calls share nothing; each may run on any thread.
package enum Gzip {
    /// How hard to compress: zlib's own default, which costs about a third of level 9 for nearly the same size.
    package static let defaultLevel = 6

    /// One gzip member that holds `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: what to compress; at most 4 GiB less one byte.
    ///   - level: from 1 (fast) to 9 (small).
    /// - Throws: ``CompressionError`` with code `tooLarge` or `outOfMemory`.
    package static func compress(
        _ bytes: [UInt8], level: Int = Gzip.defaultLevel
    ) throws(CompressionError) -> [UInt8] {
        precondition((1...9).contains(level), "a gzip level is from 1 to 9, not \(level)")
        try Self.checkInput(bytes)
        let stream = try ZlibStream(.deflate(level: Int32(level)))
        return try stream.deflate(bytes)
    }

    /// What the gzip members in `bytes`, one or several one after the other, hold.
    ///
    /// - Parameters:
    ///   - bytes: at least one whole member and nothing else.
    ///   - maxBytes: the most bytes that may come out.
    /// - Throws: ``CompressionError`` with code `corrupt`, `truncated`, `tooLarge` or `outOfMemory`.
    package static func decompress(_ bytes: [UInt8], maxBytes: Int) throws(CompressionError) -> [UInt8] {
        precondition(maxBytes >= 0, "a limit is not negative")
        try Self.checkInput(bytes)
        let stream = try ZlibStream(.inflate)
        return try stream.inflate(bytes, maxBytes: maxBytes, expectedBytes: Self.expectedBytes(of: bytes))
    }

    /// The size that the last member claims for itself (RFC 1952 section 2.3.1, ISIZE), cut to what deflate can reach
    /// at most (1,032 to 1): a hint for the first buffer, never believed.
    private static func expectedBytes(of bytes: [UInt8]) -> Int {
        let claimed = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        return min(claimed, bytes.count.multipliedReportingOverflow(by: 1032).partialValue)
    }

    /// zlib counts its input in 32 bits.
    private static func checkInput(_ bytes: [UInt8]) throws(CompressionError) {
        guard bytes.count <= UInt32.max else {
            throw CompressionError(
                code: .tooLarge,
                message: "\(bytes.count) bytes are more than zlib takes at once (\(UInt32.max)); split them")
        }
    }
}
