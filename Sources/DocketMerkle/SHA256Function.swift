import Crypto

/// SHA-256 of bytes in one piece. The one place that knows which library hashes.
func sha256(_ bytes: UnsafeRawBufferPointer) -> MerkleHash {
    var function = SHA256()
    unsafe function.update(bufferPointer: bytes)
    var hash = MerkleHash()
    unsafe function.finalize().withUnsafeBytes { digest in
        unsafe hash.withUnsafeMutableBytes { unsafe $0.copyMemory(from: digest) }
    }
    return hash
}
