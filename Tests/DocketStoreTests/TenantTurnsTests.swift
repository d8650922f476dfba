import DocketCodec
import DocketModel
import DocketTestSupport
import Testing

@testable import DocketStore

@Suite("Batches of tenants that have turns")
struct TenantTurnsTests {
    private typealias Entry = BatchQueue.Entry

    private static func entry(_ tenant: Int32, _ sequence: Int64, bytes: Int, by submitter: Submitter) -> Entry {
        let batch = EncodedBatch(
            key: BatchKey(tenantID: tenant, producerID: ProducerID(high: 0, low: 1), sequence: sequence), batchID: 1,
            receivedAt: Timestamp(microsecondsSinceEpoch: 0), tuples: [UInt8](repeating: 0, count: bytes),
            eventCount: 1,
            acceptedCount: 1, rejections: [], quarantined: [], root: [], contentHash: [])
        return Entry(batch: batch, submitter: submitter, completion: { _ in }, sizeBytes: batch.sizeBytes)
    }

    @Test("whatever comes, goes and has to stay: each batch comes out once, in its tenant's order, within the bounds")
    func random() throws {
        var random = SeededGenerator.ofRun()
        var turns = TenantTurns()
        var expected: [Int32: [Int64]] = [:]
        var submitters = (0..<3).map { _ in Submitter() }
        var bySubmitter: [ObjectIdentifier: Set<Int64>] = [:]
        var held: Set<BatchKey> = []
        for sequence in 0..<6_000 as Range<Int64> {
            let tenant = Int32.random(in: 1...4, using: &random)
            let index = submitters.indices.randomElement(using: &random) ?? 0
            turns.append(
                Self.entry(
                    tenant, sequence, bytes: Int.random(in: 0...90_000, using: &random) / 10, by: submitters[index]))
            expected[tenant, default: []].append(sequence)
            bySubmitter[ObjectIdentifier(submitters[index]), default: []].insert(sequence)
            if sequence % 50 == 49 {
                let (maxBytes, maxBatches) = (
                    Int.random(in: 1...500_000, using: &random), Int.random(in: 1...60, using: &random)
                )
                held = Set(held.filter { _ in Bool.random(using: &random) })
                let group = turns.takeGroup(maxBytes: maxBytes, maxBatches: maxBatches) { key in
                    // A third can't go now.
                    key.sequence % 3 != 0 || held.insert(key).inserted && key.sequence % 2 == 0
                }
                #expect(group.count <= maxBatches)
                #expect(group.count <= 1 || group.reduce(0) { $0 + $1.sizeBytes } <= maxBytes)
                for tenant in 1...4 as ClosedRange<Int32> {
                    let taken = group.filter { $0.batch.key.tenantID == tenant }.map(\.batch.key.sequence)
                    #expect(taken == taken.sorted() && Set(taken).isSubset(of: expected[tenant] ?? []))
                    expected[tenant]?.removeAll { taken.contains($0) }
                }
            }
            if sequence % 500 == 499 {
                let gone = Set(turns.withdraw(submitters[index]).map(\.batch.key.sequence))
                for tenant in expected.keys {
                    let theirs = bySubmitter[ObjectIdentifier(submitters[index])] ?? []
                    #expect(expected[tenant]?.filter(theirs.contains).allSatisfy(gone.contains) == true)
                    expected[tenant]?.removeAll { theirs.contains($0) }
                }
                submitters[index] = Submitter()
            }
            #expect(turns.count == expected.values.reduce(0) { $0 + $1.count })
        }
        let rest = turns.takeGroup(maxBytes: .max, maxBatches: .max) { _ in true }
        for tenant in 1...4 as ClosedRange<Int32> {
            #expect(rest.filter { $0.batch.key.tenantID == tenant }.map(\.batch.key.sequence) == expected[tenant])
        }
        #expect(turns.isEmpty && turns.bytes == 0)
    }
}
