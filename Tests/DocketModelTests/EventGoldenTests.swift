import DocketModel
import Foundation
import Testing

/// `Tests/Samples/event.golden.jsonl` is what others have stored and parse by now. Lines may be added to it; one that is there may
/// only get members that are new.
@Suite("The JSON of events is what it was")
struct EventGoldenTests {
    private static let lines: [Substring] = {
        let folder = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        let file = folder.deletingLastPathComponent().appending(path: "Samples/event.golden.jsonl")
        return ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n")
    }()

    private static let events = [EventSamples.full, EventSamples.minimalStored, EventSamples.hazards]

    @Test("byte for byte: every field, none but the required ones, and texts full of hazards")
    func bytes() {
        #expect(Self.lines.count == Self.events.count)
        for (line, event) in zip(Self.lines, Self.events) { #expect(event.json == line) }
    }

    @Test("and reads back as the same events")
    func reading() throws {
        for (line, event) in zip(Self.lines, Self.events) { #expect(try StoredEvent(json: Array(line.utf8)) == event) }
    }
}
