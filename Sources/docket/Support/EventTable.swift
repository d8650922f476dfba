import DocketModel
import DocketTerminal

/// Events as a table for people.
enum EventTable {
    /// One column of the table, and what of it a narrow terminal can do without.
    private struct Column: Sendable {
        let title: String
        /// The fewest columns of the terminal that it is cut to; `nil` when it is never cut.
        let minWidth: Int?
        /// Columns of a low rank are the first to be left out where there is no room for all.
        let rank: Int
        let cell: @Sendable (StoredEvent) -> String
    }

    private static let columns = [
        Column(title: "TYPE", minWidth: 10, rank: 3, cell: { $0.event.type }),
        Column(title: "ACTOR", minWidth: 14, rank: 6, cell: { Self.actor($0.event.actor) }),
        Column(title: "ACTION", minWidth: 8, rank: 8, cell: { $0.event.action ?? "" }),
        Column(title: "RESOURCE", minWidth: 14, rank: 5, cell: { Self.resource($0.event.resource) }),
        Column(title: "SCOPE", minWidth: 8, rank: 1, cell: { $0.event.scope ?? "" }),
        Column(title: "DECISION", minWidth: nil, rank: 7, cell: { $0.event.decision?.name ?? "" }),
        Column(title: "OUTCOME", minWidth: nil, rank: 2, cell: { $0.event.outcome?.name ?? "" }),
    ]
    /// Where the logs of several tenants are shown.
    private static let tenant = Column(title: "TENANT", minWidth: 8, rank: 8, cell: { $0.tenant })

    /// What the columns show.
    static let fields = EventFields([
        .occurredAt, .type, .actorKind, .actorID, .actorUserID, .action, .resourceType, .resourceID, .scope, .decision,
        .outcome, .tenant,
    ])

    /// The table.
    ///
    /// - Parameters:
    ///   - width: how many columns the terminal has; `nil` when it is none. Where they are too few even for cut texts, whole
    ///     columns are left out, those without content first: a wrapped table can't be read. `--json` shows all.
    ///   - zone: what the times are told in.
    ///   - showsTenants: whether each event's tenant is told.
    static func render(
        _ events: [StoredEvent], width: Int?, style: TerminalStyle, zone: DisplayZone = .utc, showsTenants: Bool = false
    ) -> String {
        let title = zone.title(of: events.lazy.map(\.event.occurredAt))
        let time = Column(title: title, minWidth: nil, rank: 9, cell: { zone.text($0.event.occurredAt) })
        var columns = [time] + (showsTenants ? [Self.tenant] : []) + Self.columns
        var cells = events.map { stored in columns.map { $0.cell(stored) } }
        while let width, columns.count > 2, Self.leastWidth(columns, cells) > width {
            let left = columns.indices.min { first, second in
                let isEmpty = { (index: Int) in cells.allSatisfy { $0[index].isEmpty } }
                return (isEmpty(first) ? 0 : 1, columns[first].rank) < (isEmpty(second) ? 0 : 1, columns[second].rank)
            }
            guard let left else { break }
            columns.remove(at: left)
            for row in cells.indices { cells[row].remove(at: left) }
        }
        var table = TextTable(
            columns: columns.map { column in
                column.minWidth.map { .text(column.title, minWidth: $0) } ?? .fixed(column.title)
            })
        for row in cells { table.addRow(row) }
        return table.rendered(width: width, style: style)
    }

    /// How narrow the table can be, in columns of the terminal.
    private static func leastWidth(_ columns: [Column], _ cells: [[String]]) -> Int {
        let widths = columns.indices.map { index in
            let content = cells.reduce(columns[index].title.displayWidth) {
                max($0, TerminalText.escaped($1[index]).displayWidth)
            }
            return min(content, columns[index].minWidth ?? .max)
        }
        return widths.reduce(0, +) + 2 * (columns.count - 1)
    }

    /// Who it was, in short.
    static func actor(_ actor: Actor?) -> String {
        guard let actor else { return "" }
        return actor.id ?? actor.userID ?? actor.kind ?? ""
    }

    /// What it was done to, in short.
    static func resource(_ resource: Resource?) -> String {
        [resource?.type, resource?.id].compactMap { $0 }.joined(separator: "/")
    }
}
