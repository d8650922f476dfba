import DocketMerkle
import Testing

@Suite("Merkle trees")
struct MerkleTreeTests {
    /// The leaves and roots of the reference tests of Certificate Transparency (`merkle_tree_test.cc`).
    private static let leaves: [[UInt8]] = [
        [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43],
        Array(0x50...0x57), Array(0x60...0x6F),
    ]
    private static let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    @Test("the roots of 0 to 8 leaves are those of Certificate Transparency's reference tests")
    func referenceRoots() {
        for (count, root) in Self.roots.enumerated() {
            let hashes = Self.leaves.prefix(count).map { MerkleTree.leafHash($0) }
            #expect(MerkleTree.root(of: hashes).description == root, "\(count) leaves")
        }
    }

    @Test("the root of any number of leaves is the recursive definition of RFC 6962 section 2.1")
    func recursiveDefinition() {
        let hashes = (0..<200).map { MerkleTree.leafHash([UInt8(truncatingIfNeeded: $0), 7]) }
        for count in 0...hashes.count {
            #expect(
                MerkleTree.root(of: hashes.prefix(count)) == Self.definedRoot(hashes.prefix(count)), "\(count) leaves")
        }
    }

    /// MTH as the RFC writes it.
    private static func definedRoot(_ hashes: ArraySlice<MerkleHash>) -> MerkleHash {
        guard hashes.count > 1 else { return hashes.first ?? MerkleTree.emptyRoot }
        var split = 1
        while split * 2 < hashes.count { split *= 2 }
        return MerkleTree.nodeHash(
            self.definedRoot(hashes.prefix(split)), self.definedRoot(hashes.dropFirst(split)))
    }

    @Test("a leaf that looks like a node has another hash than the node")
    func prefixesSeparate() {
        let (left, right) = (MerkleTree.leafHash([1]), MerkleTree.leafHash([2]))
        #expect(MerkleTree.leafHash(left.bytes + right.bytes) != MerkleTree.nodeHash(left, right))
    }

    @Test("the order of leaves counts")
    func orderCounts() {
        let (first, second) = (MerkleTree.leafHash([1]), MerkleTree.leafHash([2]))
        #expect(MerkleTree.root(of: [first, second]) != MerkleTree.root(of: [second, first]))
    }

    @Test("hashing data behind its prefix is hashing the data")
    func prefixedLeaf() {
        let data = Array("an event".utf8)
        let hash = data.withUnsafeBytes { MerkleTree.leafHash(version: 7, $0) }
        #expect(hash == MerkleTree.leafHash([7] + data))
    }
}

@Suite("Merkle hashes")
struct MerkleHashTests {
    @Test("a hash gives back the bytes it was made of")
    func bytesRoundTrip() throws {
        let bytes = (0..<32).map { UInt8($0 * 8) }
        let hash = try #require(MerkleHash(bytes: bytes))
        #expect(hash.bytes == bytes)
        #expect(hash.description.hasPrefix("00081018"))
        #expect(hash.description.utf8.count == 64)
    }

    @Test("any other number of bytes is no hash", arguments: [0, 1, 31, 33, 64])
    func wrongSizes(count: Int) {
        #expect(MerkleHash(bytes: [UInt8](repeating: 1, count: count)) == nil)
    }

    @Test("hashes that differ in one bit, wherever it is, are unequal")
    func singleBits() throws {
        let zero = try #require(MerkleHash(bytes: [UInt8](repeating: 0, count: 32)))
        for bit in 0..<256 {
            var bytes = [UInt8](repeating: 0, count: 32)
            bytes[bit / 8] = 1 << (bit % 8)
            #expect(MerkleHash(bytes: bytes) != zero, "bit \(bit)")
        }
    }
}
