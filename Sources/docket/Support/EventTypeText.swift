import DocketEventTypes
import DocketModel
import DocketPostgres
import DocketTerminal

/// Event types for people and for programs.
enum EventTypeText {
    static func print(_ types: [EventTypeRecord], json: Bool) throws {
        if json {
            for type in types { try Console.line(self.json(type)) }
        } else {
            try Console.write(self.table(types, width: Terminal.standardOutput.width, style: Console.style))
        }
    }

    static func table(_ types: [EventTypeRecord], width: Int?, style: TerminalStyle) -> String {
        var table = TextTable(columns: [
            .text("TYPE", minWidth: 16), .text("TENANT", minWidth: 8), .number("VERSION"), .fixed("APPLIED (UTC)"),
        ])
        for type in types {
            table.addRow([
                type.name, type.tenant ?? "every",
                type.version.map { "\($0)" } ?? (type.isObserved ? "observed" : "none"),
                type.appliedAt?.rfc3339 ?? "",
            ])
        }
        return table.rendered(width: width, style: style)
    }

    static func json(_ type: EventTypeRecord) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("type")
        writer.string(type.name)
        writer.key("tenant")
        if let tenant = type.tenant { writer.string(tenant) } else { writer.null() }
        writer.key("is_observed")
        writer.bool(type.isObserved)
        writer.key("version")
        if let version = type.version { writer.integer(version) } else { writer.null() }
        writer.key("applied_at")
        if let appliedAt = type.appliedAt { writer.string(appliedAt.rfc3339) } else { writer.null() }
        writer.endObject()
        return writer.text
    }

    /// What applying a definition did: a line, and one for each change that breaks something.
    static func applied(
        _ definition: EventTypeDefinition, _ outcome: EventTypeRecord.Outcome, json: Bool
    ) -> String {
        let (word, changes): (String, [BreakingChange]) =
            switch outcome {
            case .defined: ("defined", [])
            case .changed(let changes): ("changed", changes)
            case .unchanged: ("unchanged", [])
            }
        guard json else {
            let lines = changes.map { "  breaks \(TerminalText.escaped($0.description))\n" }
            return "\(definition.name) version \(definition.version): \(word)\n" + lines.joined()
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("type")
        writer.string(definition.name)
        writer.key("version")
        writer.integer(definition.version)
        writer.key("outcome")
        writer.string(word)
        writer.key("breaking_changes")
        writer.beginArray()
        for change in changes {
            writer.beginObject()
            writer.key("path")
            writer.string(change.path)
            writer.key("change")
            writer.string(change.change)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.text + "\n"
    }
}
