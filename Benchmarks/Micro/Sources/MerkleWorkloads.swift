import DocketCodec
import DocketMerkle

/// Evidence: leaves, their hashes, and roots.
enum MerkleWorkloads {
    static let all = [
        Benchmark(name: "merkle/leaf-hash", unit: .event, operations: Sample.batchEvents) {
            let messages = Sample.events().map { encodeEvent($0) }
            return ClosureWorkload {
                for message in messages {
                    keep(
                        unsafe message.withUnsafeBytes {
                            unsafe MerkleTree.leafHash(version: EventLeaf.version, $0)
                        })
                }
            }
        },
        Benchmark(name: "merkle/root", unit: .event, operations: Sample.batchEvents) { RootWorkload() },
        Benchmark(name: "merkle/leaf-of-event", unit: .event, operations: Sample.batchEvents) {
            let events = Sample.events()
            return ClosureWorkload {
                unsafe events.withUnsafeBufferPointer { events in
                    unsafe forEachInPlace(events) { keep(EventLeaf.leafHash(of: $0)) }
                }
            }
        },
    ]
}

/// The root over a batch's leaf hashes, which it consumes.
private final class RootWorkload: Workload {
    private let leaves = Sample.events().map { EventLeaf.leafHash(of: $0) }
    private var level: [MerkleHash] = []

    func prepare() {
        self.level.removeAll(keepingCapacity: true)
        self.level.append(contentsOf: self.leaves)
    }

    func run() { keep(MerkleTree.root(consuming: &self.level)) }
}
