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
