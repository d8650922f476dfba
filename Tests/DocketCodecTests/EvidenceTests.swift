import DocketCodec
import DocketMerkle
import DocketModel
import Foundation
import Testing

/// The worked example of docs/evidence.md. The hashes there were computed apart from this code.
@Suite("Evidence")
struct EvidenceTests {
    private let first: Event
    private let second: Event
    private let page: String

    init() throws {
        let firstID = try #require(EventID("018c5a3e-7b00-7a11-b2c3-d4e5f6071829"))
        var first = Event(
            eventID: firstID, type: "authz.decision",
            occurredAt: Timestamp(microsecondsSinceEpoch: 1_702_300_000_123_456),
            actor: Actor(kind: "user", id: "alice"), action: "secrets.read",
            resource: Resource(type: "secret", id: "prod/db"),
            decision: .allow, attributes: "{\"mfa\":true}")
        first.delegation = [Actor(id: "bot-7")]
        first.riskScore = 0.25
        self.first = first
        let secondID = try #require(EventID("018c5a3e-7b00-7a11-b2c3-d4e5f607182a"))
        self.second = Event(
            eventID: secondID, type: "authz.decision",
            occurredAt: Timestamp(microsecondsSinceEpoch: 1_702_300_000_123_457))
        let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("../../docs/evidence.md")
        self.page = try String(contentsOf: file, encoding: .utf8)
    }

    /// The encoded fields of the table, in order.
    private var fields: [String] {
        self.page.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, cells[2].wholeMatch(of: /`[0-9a-f]+`/) != nil else { return nil }
            return cells[2].trimmingCharacters(in: ["`"])
        }
    }

    @Test("the leaf of the first event is the version byte and the page's fields")
    func leaf() throws {
        var leaf: [UInt8] = []
        EventLeaf.append(event: self.first, to: &leaf)
        #expect(self.fields.count == 10)
        #expect(hexadecimal(leaf) == "02" + self.fields.joined())
        #expect(self.page.contains("\(leaf.count) bytes"))
    }

    @Test("the leaf of the second event is the one on the page")
    func secondLeaf() {
        var leaf: [UInt8] = []
        EventLeaf.append(event: self.second, to: &leaf)
        #expect(self.page.contains("    \(hexadecimal(leaf))\n"))
    }

    @Test("the leaf hashes and the root are those on the page")
    func hashes() {
        let hashes = [self.first, self.second].map { EventLeaf.leafHash(of: $0) }
        #expect(hashes[0].description == "77f57bab74b3cad1e6b77775bb5ba9104be76999ab22748fd2bf3bc3b5f475a9")
        for hash in hashes + [MerkleTree.root(of: hashes)] { #expect(self.page.contains("    \(hash)\n")) }
    }

    @Test("a batch of the two events has the page's root, and so have its rows")
    func batch() throws {
        let batch = try Bench().encode([self.first, self.second])
        #expect(self.page.contains("    \(hexadecimal(batch.root))\n"))
        let rows = try rows(of: batch, type: "authz.decision")
        #expect(MerkleTree.root(of: rows.map { EventLeaf.leafHash(of: $0.event) }).bytes == batch.root)
    }
}
