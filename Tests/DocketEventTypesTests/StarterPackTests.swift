import DocketCodec
import DocketEventTypes
import DocketImport
import DocketModel
import Foundation
import SyntheticLoad
import Testing

@Suite("The starter packs")
struct StarterPackTests {
    private static func validators() throws -> [String: EventTypeValidator] {
        Dictionary(
            try starterPack().definitions.map { ($0.name, EventTypeValidator($0)) },
            uniquingKeysWith: { first, _ in first })
    }

    private static func imported(_ bytes: [UInt8], _ format: ImportFormat) -> [Event] {
        var importer = Importer(format: format)
        importer.push(bytes)
        importer.finish()
        var events: [Event] = []
        while let record = importer.next() { if let event = try? record.result.get() { events.append(event) } }
        return events
    }

    /// The first refusal of events, each by the definition of its own type.
    private static func refusals(of events: [Event]) throws -> [String] {
        let validators = try Self.validators()
        return try rejections(of: events) { validators[$0] }.map { "\($0.index) \($0.field): \($0.reason)" }
    }

    @Test("have a definition for each system, in a file of its name, in version 1, with a description")
    func complete() throws {
        let names = [
            "audit.event", "authz.decision", "aws.cloudtrail", "fact.write", "gate.check", "guard.action",
            "kubernetes.audit", "tool.call",
        ]
        let definitions = try starterPack().definitions
        #expect(definitions.map(\.name) == names)
        for definition in definitions { #expect(definition.version == 1 && !definition.summary.isEmpty) }
        let files = try FileManager.default.contentsOfDirectory(
            atPath: repository.appending(path: "EventTypes").path())
        #expect(files.sorted() == names.map { "\($0).json" })
        for format in ImportFormat.allCases { #expect(format.eventTypes.allSatisfy(names.contains)) }
    }

    @Test(
        "take every event that an import makes of the samples",
        arguments: [
            ("kubernetes-audit-sample.csv", ImportFormat.kubernetesAuditCSV, 305),
            ("cloudtrail-sample.jsonl", .cloudTrail, 12),
        ])
    func samples(_ name: String, _ format: ImportFormat, _ count: Int) throws {
        let bytes = Array(try Data(contentsOf: repository.appending(path: "Tests/Samples/\(name)")))
        let events = Self.imported(bytes, format)
        #expect(events.count == count)
        #expect(try Self.refusals(of: events) == [])
    }

    /// The whole data sets, which developers may have next to the repository.
    private static let dataSets = repository.deletingLastPathComponent().appending(path: "shared/data")

    @Test(
        "take every event of the whole data sets",
        .enabled(if: FileManager.default.fileExists(atPath: dataSets.path())),
        arguments: [
            ("kubernetes-audit.csv", ImportFormat.kubernetesAuditCSV, 16_563), ("cloudtrail.jsonl", .cloudTrail, 103),
        ])
    func wholeFiles(_ name: String, _ format: ImportFormat, _ count: Int) throws {
        let events = Self.imported(Array(try Data(contentsOf: Self.dataSets.appending(path: name))), format)
        #expect(events.count == count)
        #expect(try Self.refusals(of: events) == [])
    }

    @Test("take the examples of docs/import.md")
    func examples() throws {
        let text = try String(contentsOf: repository.appending(path: "docs/import.md"), encoding: .utf8)
        let lines = text.split(separator: "\n").filter { $0.hasPrefix(#"{"event_id""#) }
        #expect(lines.count == 5)
        #expect(try Self.refusals(of: Self.imported(Array(lines.joined(separator: "\n").utf8), .jsonLines)) == [])
    }

    @Test("take what benchmarks load, too")
    func synthetic() throws {
        var synthetic = SyntheticEvents(seed: 7)
        #expect(try Self.refusals(of: (0..<100).map { _ in synthetic.next() }) == [])
    }

    @Test(
        "refuse an event that lacks what its system always has",
        arguments: [
            ("authz.decision", "decision"), ("guard.action", "risk_score"), ("gate.check", "policy"),
            ("tool.call", "duration_us"),
            ("fact.write", "resource.id"),
        ])
    func lacking(_ type: String, _ field: String) throws {
        let text = try String(contentsOf: repository.appending(path: "docs/import.md"), encoding: .utf8)
        let lines = text.split(separator: "\n").filter { $0.contains(#""type":"\#(type)""#) && $0.hasPrefix("{") }
        var event = try #require(Self.imported(Array(lines.joined().utf8), .jsonLines).first)
        switch field {
        case "decision": event.decision = nil
        case "risk_score": event.riskScore = nil
        case "policy": event.policy = nil
        case "duration_us": event.durationMicroseconds = nil
        default: event.resource?.id = nil
        }
        let validator = try #require(try Self.validators()[type])
        #expect(try validator.refusal(of: event)?.field == field)
    }
}

@Suite("A pack")
struct PackTests {
    private static func file(_ name: String, _ type: String) -> (name: String, bytes: [UInt8]) {
        (name: name, bytes: Array(#"{"name":"\#(type)","version":1}"#.utf8))
    }

    @Test("holds the definitions in the order of their names")
    func order() throws {
        let pack = try EventTypePack(files: [
            Self.file("1.json", "b"), Self.file("2.json", "a.z"), Self.file("3.json", "a"),
        ])
        #expect(pack.definitions.map(\.name) == ["a", "a.z", "b"])
    }

    @Test("defines each type once, and says which file is at fault")
    func faults() {
        let double = #expect(throws: EventTypeError.self) {
            try EventTypePack(files: [Self.file("1.json", "a"), Self.file("2.json", "a")])
        }
        #expect(double?.code == .duplicateType)
        #expect(double?.message == "2.json: a is defined in 1.json too; remove one of them")
        let malformed = #expect(throws: EventTypeError.self) { try EventTypePack(files: [Self.file("x.json", "A")]) }
        #expect(malformed?.message.hasPrefix("x.json: name is") == true)
    }
}
