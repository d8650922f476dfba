import DocketMerkle
import DocketTestSupport
import Testing

@Suite("Lanes")
struct HashLanesTests {
    private func leaves(_ count: Int, maxBytes: Int, _ random: inout SeededGenerator) -> [[UInt8]] {
        (0..<count).map { _ in (0..<Int.random(in: 0...maxBytes, using: &random)).map { _ in random.next() } }
    }

    private func hashes(_ leaves: [[UInt8]], _ lanes: HashLanes) -> [MerkleHash] {
        var hashes: [MerkleHash] = []
        for leaf in leaves { leaf.withUnsafeBytes { lanes.appendLeaf(version: 2, $0, to: &hashes) } }
        lanes.finish(&hashes)
        return hashes
    }

    @Test("give the hashes that one by one would give, in order, whatever the number and the lengths")
    func leaves() {
        var random = SeededGenerator.ofRun()
        let lanes = HashLanes()
        for count in Array(0...70) + [499, 500] {
            // Some are longer than a lane, and hashed apart.
            let leaves = self.leaves(count, maxBytes: count.isMultiple(of: 7) ? 4000 : 500, &random)
            #expect(self.hashes(leaves, lanes) == leaves.map { MerkleTree.leafHash([2] + $0) }, "\(count) leaves")
        }
    }

    @Test("hash every length around a block's and a lane's end")
    func lengths() {
        var random = SeededGenerator.ofRun()
        let lanes = HashLanes()
        for middle in [0, 55, 64, 119, 128, 2046, 2048] {
            let leaves = (max(0, middle - 10)...middle + 10).map { count in
                (0..<count).map { _ in random.next() as UInt8 }
            }
            #expect(self.hashes(leaves, lanes) == leaves.map { MerkleTree.leafHash([2] + $0) }, "around \(middle)")
        }
    }

    @Test("give the root of the tree as RFC 6962 defines it, for any number of leaves")
    func roots() {
        var random = SeededGenerator.ofRun()
        let lanes = HashLanes()
        for count in Array(0...130) + [499, 500, 1000, 1023, 1024, 1025] {
            var level = (0..<count).map { _ in MerkleTree.leafHash((0..<8).map { _ in random.next() as UInt8 }) }
            let expected = MerkleTree.root(of: level)
            #expect(lanes.root(consuming: &level) == expected, "\(count) leaves")
        }
    }

    @Test("forget what was added before a reset")
    func reset() {
        let lanes = HashLanes()
        var abandoned: [MerkleHash] = []
        for _ in 0..<5 {
            [UInt8](repeating: 9, count: 9).withUnsafeBytes { lanes.appendLeaf(version: 2, $0, to: &abandoned) }
        }
        lanes.reset()
        #expect(self.hashes([[1], [2]], lanes) == [[2, 1], [2, 2]].map { MerkleTree.leafHash($0) })
    }
}
