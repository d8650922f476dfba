/// An index of a sealed segment.
package struct SealedIndex: Sendable, Hashable {
    /// The end of its name, behind the segment's table.
    package let suffix: String
    /// What stands behind the table's name in CREATE INDEX: method, columns, condition.
    let definition: String

    private init(_ suffix: String, _ definition: String) {
        self.suffix = suffix
        self.definition = definition
    }

    /// All of them, in the order in which they are built; `docs/store.md` says which query each serves, and what it
    /// costs.
    package static let all: [SealedIndex] = [
        SealedIndex("tenant", "(tenant_id, occurred_at)"),
        SealedIndex("event_id", "(event_id)"),
        // The log's order is nearly that of the rows: a range of batches is a range of blocks.
        SealedIndex("batch_id", "USING brin (batch_id) WITH (pages_per_range = 32)"),
        // Keys with few values, or with long lists of rows: a GIN (with btree_gin) holds each value once, and answers any
        // combination.
        SealedIndex("few", "USING gin (scope, type_id, agent_id, resource_type, actor_id, decision)"),
        SealedIndex("session_id", "(session_id) WHERE session_id IS NOT NULL"),
        SealedIndex("request_id", "(request_id) WHERE request_id IS NOT NULL"),
        SealedIndex("resource_id", "(resource_id) WHERE resource_id IS NOT NULL"),
        SealedIndex("trace_id", "(trace_id) WHERE trace_id IS NOT NULL"),
    ]

    /// Its name on a segment's table.
    package func name(of table: String) -> String { "\(table)_\(self.suffix)" }

    /// The statement that builds it on a segment's table, or on a table of the same columns in another schema.
    package func create(on table: String, in schema: String = "docket") -> String {
        "CREATE INDEX \(self.name(of: table)) ON \(schema).\(table) \(self.definition)"
    }
}
