import DocketEventTypes
import DocketImport
import DocketModel
import Foundation
import Testing

@testable import docket

@Suite("The trial of definitions")
struct EventTypeTrialTests {
    private static let definition = """
        {"name":"t.a","version":2,"required_fields":["scope"],"attributes":{"properties":{"n":{"maximum":5}}}}
        """

    private static func trial() throws -> EventTypeTrial {
        EventTypeTrial(try EventTypePack(files: [(name: "a.json", bytes: Array(Self.definition.utf8))]))
    }

    private static func event(_ type: String = "t.a", scope: String? = "s", attributes: String? = nil) -> Event {
        var event = Event(eventID: .new(), type: type, occurredAt: .now)
        event.scope = scope
        event.attributes = attributes
        return event
    }

    @Test("judges as the collector does: what the codec refuses, unknown types, the definition")
    func verdicts() throws {
        var trial = try Self.trial()
        #expect(trial.check(.success(Self.event())) == nil)
        #expect(trial.check(.success(Self.event(scope: nil)))?.code == "missing_field")
        #expect(trial.check(.success(Self.event(attributes: #"{"n":6}"#)))?.field == "attributes/n")
        #expect(trial.check(.success(Self.event(attributes: "[]")))?.code == "invalid_json")
        #expect(trial.check(.success(Self.event("t.b")))?.code == "unknown_event_type")
        let unread = trial.check(.failure(ImportError(code: .malformed, line: 7, message: "not JSON")))
        #expect(unread == EventTypeTrial.Refusal(field: "", code: "malformed", reason: "not JSON"))
        #expect(trial.totals == #"{"definition_count":1,"event_count":6,"refused_count":5}"#)
    }

    @Test("is JSON for programs")
    func json() throws {
        var trial = try Self.trial()
        let checked = trial.check(.success(Self.event(attributes: #"{"n":"6","n":6}"#)))
        let refusal = try #require(checked)
        #expect(
            EventTypeTrial.json(refusal, line: 3)
                == #"{"line":3,"type":"t.a","field":"attributes/n","code":"invalid_attribute","#
                + #""reason":"attributes/n is 6; t.a version 2 wants at most 5"}"#)
    }

    @Test("reads a file or a folder, and says what it can't read")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "docket-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(throws: CommandError.self) { try EventTypeFiles.read(folder.path()) }
        #expect(throws: CommandError.self) { try EventTypeFiles.read(folder.path() + "/a.json") }
        try Data(Self.definition.utf8).write(to: folder.appending(path: "a.json"))
        try Data("no definition".utf8).write(to: folder.appending(path: "README.md"))
        for path in [folder.path(), folder.path() + "/", folder.path() + "/a.json"] {
            #expect(try EventTypeFiles.read(path).definitions.map(\.name) == ["t.a"])
        }
        try Data(repeating: UInt8(ascii: " "), count: 70_000).write(to: folder.appending(path: "b.json"))
        let error = #expect(throws: EventTypeError.self) { try EventTypeFiles.read(folder.path()) }
        #expect(error?.code == .tooLarge && error?.message.hasPrefix("\(folder.path())") == true)
    }

    @Test(
        "needs a definition",
        arguments: [("", false), ("a.json", true), ("a.json e.jsonl --json", true), ("a b c", false)])
    func arguments(_ line: String, _ isRight: Bool) {
        #expect(isValid(EventTypeCommand.Test.self, line) == isRight)
    }
}
