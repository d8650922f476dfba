import CLibcrypto

// The one place that knows which library hashes.

/// SHA-256 of bytes in one piece.
@inline(__always)
func sha256(_ bytes: UnsafeRawBufferPointer) -> MerkleHash {
    var hash = MerkleHash()
    unsafe hash.withUnsafeMutableBytes { digest in
        unsafe docket_sha256(bytes.baseAddress, bytes.count, digest.bindMemory(to: UInt8.self).baseAddress)
    }
    return hash
}

/// SHA-256 of two bytes and those behind them.
@inline(__always)
func sha256(behind prefix: (UInt8, UInt8), _ bytes: UnsafeRawBufferPointer) -> MerkleHash {
    var hash = MerkleHash()
    unsafe hash.withUnsafeMutableBytes { digest in
        unsafe docket_sha256_behind(
            prefix.0, prefix.1, bytes.baseAddress, bytes.count, digest.bindMemory(to: UInt8.self).baseAddress)
    }
    return hash
}

/// SHA-256 of bytes that come in pieces. A plain value: nothing is allocated, and a copy goes on by itself.
@safe package struct SHA256Stream {
    private static let pieceBytes = 4096
    private var context = SHA256_CTX()

    package init() { unsafe SHA256_Init(&self.context) }

    /// Hashes on. Bytes that lie in one piece are read where they are, others are copied in pieces.
    ///
    /// - Returns: how many bytes they were.
    @discardableResult
    package mutating func update(_ bytes: some Sequence<UInt8>) -> Int {
        if let count = bytes.withContiguousStorageIfAvailable({ unsafe self.update(UnsafeRawBufferPointer($0)) }) {
            return count
        }
        var (count, piece): (Int, [UInt8]) = (0, [])
        piece.reserveCapacity(Self.pieceBytes)
        for byte in bytes {
            piece.append(byte)
            guard piece.count == Self.pieceBytes else { continue }
            count += unsafe piece.withUnsafeBytes { unsafe self.update($0) }
            piece.removeAll(keepingCapacity: true)
        }
        count += unsafe piece.withUnsafeBytes { unsafe self.update($0) }
        return count
    }

    private mutating func update(_ bytes: UnsafeRawBufferPointer) -> Int {
        _ = unsafe SHA256_Update(&self.context, bytes.baseAddress, bytes.count)
        return bytes.count
    }

    /// The hash of all bytes so far.
    package var hash: MerkleHash {
        var copy = self.context
        var hash = MerkleHash()
        unsafe hash.withUnsafeMutableBytes { digest in
            _ = unsafe SHA256_Final(digest.bindMemory(to: UInt8.self).baseAddress, &copy)
        }
        return hash
    }
}
