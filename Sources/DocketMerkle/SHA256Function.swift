import CLibcrypto

/// SHA-256 of bytes in one piece. The one place that knows which library hashes.
@inline(__always)
func sha256(_ bytes: UnsafeRawBufferPointer) -> MerkleHash {
    var hash = MerkleHash()
    unsafe hash.withUnsafeMutableBytes { digest in
        unsafe docket_sha256(bytes.baseAddress, bytes.count, digest.bindMemory(to: UInt8.self).baseAddress)
    }
    return hash
}
