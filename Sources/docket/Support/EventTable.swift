import DocketModel
import DocketTerminal

/// Events as a table for people.
enum EventTable {
    static func render(_ events: [StoredEvent], width: Int?, style: TerminalStyle) -> String {
        var table = TextTable(columns: [
            .fixed("TIME (UTC)"), .text("TYPE", minWidth: 10), .text("ACTOR", minWidth: 14), .text("ACTION"),
            .text("RESOURCE", minWidth: 14), .text("SCOPE"), .fixed("DECISION"), .fixed("OUTCOME"),
        ])
        for stored in events {
            let event = stored.event
            table.addRow([
                event.occurredAt.rfc3339, event.type, Self.actor(event.actor), event.action ?? "",
                Self.resource(event.resource), event.scope ?? "", event.decision?.name ?? "", event.outcome?.name ?? "",
            ])
        }
        return table.rendered(width: width, style: style)
    }

    private static func actor(_ actor: Actor?) -> String {
        guard let actor else { return "" }
        return actor.id ?? actor.userID ?? actor.kind ?? ""
    }

    private static func resource(_ resource: Resource?) -> String {
        [resource?.type, resource?.id].compactMap { $0 }.joined(separator: "/")
    }
}
