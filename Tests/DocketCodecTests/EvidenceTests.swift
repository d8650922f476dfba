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

    /// The entries of the table, in order.
    private var entries: [String] {
        self.page.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, cells[2].hasPrefix("`0") || cells[2].hasPrefix("`1") else { return nil }
            return cells[2].trimmingCharacters(in: ["`"])
        }
    }

    @Test("the leaf of the first event is the version byte and the page's entries")
    func leaf() throws {
        var leaf: [UInt8] = []
        EventLeaf.append(event: self.first, to: &leaf)
        #expect(self.entries.count == 10)
        #expect(hexadecimal(leaf) == "01" + self.entries.joined())
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
        #expect(hashes[0].description == "814e9104b8b9933538a014b3b16cd0b6c62f95569ad1ec9590967c9d174dce5b")
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
