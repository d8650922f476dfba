internal import CZlib

/// CRC-32 as zlib computes it (ISO-HDLC: polynomial 0x04C11DB7, reflected), over several pieces if wanted.
enum Checksum {
    /// The checksum of a range of bytes, as the continuation of what `checksum` is of.
    static func crc32(_ bytes: [UInt8], _ range: Range<Int>, continuing checksum: UInt32 = 0) -> UInt32 {
        // zlib takes a missing buffer for "begin anew".
        guard !range.isEmpty else { return checksum }
        return unsafe bytes[range].withUnsafeBufferPointer { buffer in
            UInt32(truncatingIfNeeded: unsafe CZlib.crc32_z(UInt(checksum), buffer.baseAddress, buffer.count))
        }
    }

    /// The checksum of a number's bytes, the least first.
    static func crc32<Value: FixedWidthInteger>(_ value: Value, continuing checksum: UInt32 = 0) -> UInt32 {
        unsafe withUnsafeBytes(of: value.littleEndian) { buffer in
            let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return UInt32(truncatingIfNeeded: unsafe CZlib.crc32_z(UInt(checksum), start, buffer.count))
        }
    }
}
