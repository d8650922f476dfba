import DocketModel
import DocketTerminal
import Testing

@testable import docket

@Suite("A tail's lines")
struct EventLineTests {
    private static let event: Event = {
        var event = Event(
            eventID: EventID(high: 1, low: 2), type: "authz.decision.of.a.long.name",
            occurredAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_123_456))
        event.actor = Actor(id: "somebody-with-a-long-name@example.com")
        event.action = "secrets.read.all.of.them"
        event.resource = Resource(type: "a-long-kind", id: "and an even longer identifier of it")
        event.decision = .deny
        return event
    }()

    @Test("fit the terminal, titles and rows alike", arguments: [DisplayZone.utc, .local])
    func fits(zone: DisplayZone) {
        for width in 50...200 {
            let line = EventLine(width: width, style: .plain, zone: zone)
            #expect(line.titles.displayWidth <= width)
            #expect(line.render(Self.event).displayWidth <= width, "\(width)")
        }
    }

    @Test("leave the type out first, then the resource; what was done by whom stays")
    func narrow() {
        func titles(_ width: Int) -> [Substring] {
            EventLine(width: width, style: .plain, zone: .utc).titles.split(separator: " ")
        }
        #expect(titles(120) == ["TIME", "(UTC)", "DECISION", "TYPE", "ACTOR", "ACTION", "RESOURCE"])
        #expect(titles(80) == ["TIME", "(UTC)", "DECISION", "ACTOR", "ACTION", "RESOURCE"])
        #expect(titles(60) == ["TIME", "(UTC)", "DECISION", "ACTOR", "ACTION"])
    }
}
