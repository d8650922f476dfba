import DocketModel
import DocketTerminal

/// One event for people: every member of its JSON projection on a line of its own, the attributes' as well.
enum EventText {
    /// - Parameter zone: What the event's times are told in; those in its attributes stay as they were sent.
    static func render(_ event: StoredEvent, style: TerminalStyle, zone: DisplayZone = .utc) throws -> String {
        var lines: [(name: String, value: String)] = []
        try self.append(JSONValue(parsing: Array(event.json.utf8)), named: "", to: &lines)
        let times = ["occurred_at": event.event.occurredAt, "received_at": event.receivedAt]
        lines = lines.map { line in (line.name, times[line.name].map { zone.text($0) } ?? line.value) }
        let width = lines.reduce(0) { max($0, $1.name.displayWidth) }
        return lines.reduce(into: "") { text, line in
            let name = TerminalText.padded(line.name, toColumns: width, alignment: .left)
            text += style.bold(name) + "  " + line.value + "\n"
        }
    }

    /// A value's own line, or those of what is in it. Empty containers are a line: they were sent.
    private static func append(
        _ value: JSONValue, named name: String, to lines: inout [(name: String, value: String)]
    ) throws(ModelError) {
        switch value.kind {
        case .object:
            // Attributes are kept as they were sent, in which a name may stand twice.
            guard let object = try? value.object(), !object.names.isEmpty else { break }
            for member in object.names {
                guard let inner = object[member] else { continue }
                let path = name.isEmpty ? member : "\(name).\(member)"
                try self.append(inner, named: TerminalText.escaped(path), to: &lines)
            }
            return
        case .array:
            guard let elements = value.elements, !elements.isEmpty else { break }
            for (index, element) in elements.enumerated() {
                try self.append(element, named: "\(name)[\(index)]", to: &lines)
            }
            return
        case .string, .number, .bool, .null: break
        }
        lines.append((name, TerminalText.escaped(value.string ?? value.text)))
    }
}
