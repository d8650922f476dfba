/// The Merkle tree of RFC 6962 section 2.1 with SHA-256.
package enum MerkleTree {
    /// The byte in front of a leaf's data.
    package static let leafPrefix: UInt8 = 0x00
    /// The byte in front of a node's children.
    package static let nodePrefix: UInt8 = 0x01

    /// The root of the tree without leaves: SHA-256 of nothing.
    package static let emptyRoot = unsafe sha256(UnsafeRawBufferPointer(start: nil, count: 0))

    /// SHA-256(0x00 ‖ data).
    package static func leafHash(_ data: some Collection<UInt8>) -> MerkleHash {
        var prefixed: [UInt8] = [Self.leafPrefix]
        prefixed.append(contentsOf: data)
        return unsafe prefixed.withUnsafeBytes { unsafe sha256($0) }
    }

    /// SHA-256(0x00 ‖ version ‖ data): the hash of a leaf whose data begins with a version byte, without a copy of it.
    @inline(__always)
    package static func leafHash(version: UInt8, _ data: UnsafeRawBufferPointer) -> MerkleHash {
        unsafe sha256(behind: (Self.leafPrefix, version), data)
    }

    /// SHA-256(0x01 ‖ left ‖ right).
    package static func nodeHash(_ left: MerkleHash, _ right: MerkleHash) -> MerkleHash {
        var block = NodeBlock(left, right)
        return unsafe withUnsafeBytes(of: &block) { unsafe sha256(UnsafeRawBufferPointer(rebasing: $0.suffix(65))) }
    }

    /// The root over those leaf hashes, in order: MTH of RFC 6962 section 2.1.
    package static func root(of leaves: some Sequence<MerkleHash>) -> MerkleHash {
        var level = Array(leaves)
        return Self.root(consuming: &level)
    }

    /// The root over those leaf hashes; what is left in the array is of no use but its memory.
    ///
    /// Level by level, each pair becomes its node and an odd last hash moves up as it is. That is the same tree as the
    /// RFC's, which splits at the largest power of two below the number of leaves: the left side of that split is
    /// always perfect, and only the rightmost path is ever odd.
    package static func root(consuming level: inout [MerkleHash]) -> MerkleHash {
        var count = level.count
        guard count > 0 else { return Self.emptyRoot }
        while count > 1 {
            for pair in 0..<count / 2 { level[pair] = Self.nodeHash(level[2 * pair], level[2 * pair + 1]) }
            if !count.isMultiple(of: 2) { level[count / 2] = level[count - 1] }
            count = (count + 1) / 2
        }
        return level[0]
    }
}

/// 0x01 ‖ left ‖ right at the end of a block in one piece: the hashes are aligned to 8 bytes, so the prefix is the last
/// of the 8 bytes in front of them.
private struct NodeBlock {
    private var padding: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0, 0, 0)
    private var prefix = MerkleTree.nodePrefix
    private var left: MerkleHash
    private var right: MerkleHash

    init(_ left: MerkleHash, _ right: MerkleHash) {
        self.left = left
        self.right = right
    }
}
