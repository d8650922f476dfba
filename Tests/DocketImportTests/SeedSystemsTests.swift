import DocketImport
import DocketModel
import DocketTestSupport
import Foundation
import Testing

/// Records of five audit systems, mapped as docs/import.md says: each field of the original has a place.
@Suite("Other audit systems")
struct SeedSystemsTests {
    /// The examples of docs/import.md, which are lines of Docket's own JSON.
    private static func examples() throws -> [String] {
        let text = try String(contentsOf: repository.appending(path: "docs/import.md"), encoding: .utf8)
        return text.split(separator: "\n").map(String.init).filter { $0.hasPrefix(#"{"event_id""#) }
    }

    @Test("the examples of the documentation import, and are written as they stand there")
    func examplesImport() throws {
        let examples = try Self.examples()
        #expect(examples.count == 5)
        for (example, record) in zip(examples, imported(examples.joined(separator: "\n"), .jsonLines)) {
            let event = try record.result.get()
            #expect(event.json == example)
            #expect(throws: Never.self) { try event.check(Limits()) }
        }
    }

    @Test(
        "each value of an original record is found in its event",
        arguments: [
            (
                "authz.decision",
                [
                    "gd-1", "u-7", "s-1", "shell", "a-1", "workspace", "deny", "default-deny", "not granted", "r1",
                    "p-1", "agent", "a-0",
                ]
            ),
            (
                "guard.action",
                [
                    "8c6f", "5d1e", "1f0a", "77aa", "file.write", "file", "/etc/passwd", "mask", "secret found",
                    "0.8751", "detector",
                    "1773999999123",
                ]
            ),
            ("gate.check", ["user:alice", "shop", "memory.recall", "allow", "audit", "RegoGate", "s-2"]),
            (
                "tool.call",
                [
                    "req-1", "ws-1", "u-1", "agent-1", "http", "fetch", "partial", "1250", "2048", "512", "ab12",
                    "run-1", "node-1", "job-1",
                ]
            ),
            (
                "fact.write",
                [
                    "e-9", "f-3", "fact_write", "agent:bob", "oidc|3", "node-a", "key-1", "42", "ws:shop",
                    "instruction",
                ]
            ),
        ])
    func complete(type: String, values: [String]) throws {
        let example = try #require(try Self.examples().first { $0.contains(#""type":"\#(type)""#) })
        for value in values { #expect(example.contains(value), "\(value)") }
    }
}

@Suite("Import formats")
struct ImportFormatTests {
    @Test("each has a name that it is found by, and a line that describes it")
    func names() {
        #expect(ImportFormat.allCases.map(\.name) == ["kubernetes-audit-csv", "cloudtrail", "jsonl"])
        for format in ImportFormat.allCases {
            #expect(ImportFormat(name: format.name) == format)
            #expect(!format.summary.isEmpty && !format.summary.contains("\n"))
        }
        #expect(ImportFormat(name: "CSV") == nil)
    }

    @Test("the event types that an import writes are those that it names")
    func eventTypes() throws {
        let kubernetes = imported(try sample("kubernetes-audit-sample.csv"), .kubernetesAuditCSV)
        #expect(Set(kubernetes.compactMap { $0.event?.type }) == Set(ImportFormat.kubernetesAuditCSV.eventTypes))
        let cloudTrail = imported(try sample("cloudtrail-sample.jsonl"), .cloudTrail)
        #expect(Set(cloudTrail.compactMap { $0.event?.type }) == Set(ImportFormat.cloudTrail.eventTypes))
    }

    @Test("Docket's own JSON is imported line by line; each bad line is reported, its neighbours come through")
    func jsonLines() throws {
        let good = #"{"type":"a.b","occurred_at":"2026-01-01T00:00:00Z"}"#
        let bad = [
            "{", #"{"type":"a.b"}"#, #"{"type":"A","occurred_at":"2026-01-01T00:00:00Z"}"#,
            #"{"type":"a.b","occurred_at":"2026-01-01T00:00:00Z","actor":{"id":"\#(String(repeating: "x", count: 513))"}}"#,
            #"{"type":"a.b","occurred_at":"2026-01-01T00:00:00Z","tool":"x"}"#,
        ]
        let records = imported(bad.flatMap { [good, $0] }.joined(separator: "\n") + "\n" + good, .jsonLines)
        #expect(
            records.map { $0.event != nil } == [true, false, true, false, true, false, true, false, true, false, true])
        #expect(records.map(\.line) == Array(1...11))
        let messages = records.compactMap { $0.error?.message }
        for (message, part) in zip(
            messages, ["byte 1", "occurred_at is missing", "type is", "actor.id has 513", "tool is no field"])
        {
            #expect(message.contains(part), "\(message)")
        }
    }

    @Test("what a collector exported imports as the same events")
    func export() throws {
        let events = imported(try sample("kubernetes-audit-sample.csv"), .kubernetesAuditCSV).compactMap(\.event)
        let export = events.enumerated().map { index, event in
            StoredEvent(event: event, tenant: "acme", receivedAt: .latest, batchID: 1 << 60, position: Int32(index))
                .json
        }
        #expect(imported(export.joined(separator: "\n"), .jsonLines).compactMap(\.event) == events)
    }

    @Test("random bytes give records or errors, never a trap, alike in any chunks", arguments: ImportFormat.allCases)
    func noise(format: ImportFormat) throws {
        var random = SeededGenerator.ofRun()
        let file = try sample(format == .kubernetesAuditCSV ? "kubernetes-audit-sample.csv" : "cloudtrail-sample.jsonl")
        for _ in 0..<40 {
            var bytes = Array(file[..<Int.random(in: 0...8000, using: &random)])
            for _ in 0..<Int.random(in: 0...20, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let chunkBytes = Int.random(in: 1...2000, using: &random)
            let whole = imported(bytes, format, maxRecordBytes: 3000)
            #expect(imported(bytes, format, chunkBytes: chunkBytes, maxRecordBytes: 3000) == whole)
        }
    }
}
