import DocketCodec
import DocketModel
import DocketStore

/// Reads one page of a tenant's log in its own order, inside a transaction that sees the tenant.
///
/// `docket.log_entries` says which batches come and in which segments their events lie. Sealed segments are read by their
/// index on `batch_id`; one without indexes is searched from where the page before ended, for rows lie in it nearly in the
/// log's order. That every event has been found is known by counting.
struct LogReading {
    /// The most events of a page, and the most that are looked at for one where there is a filter.
    static let maxEvents = 4_000
    static let maxFilteredEvents = 20_000
    /// A page ends with the event that reaches this many encoded bytes.
    static let maxPageBytes = 1024 * 1024
    private static let maxEntries = 10_000
    /// Rows that libpq holds at once: few as long as nobody knows how large they are.
    private static let firstFetchRows = 32
    private static let maxFetchRows = 1_000

    let query: LogQuery
    let connection: PostgresConnection
    let budget: QueryBudget

    /// The events of the page, and where the next one begins.
    func page() throws(PostgresError) -> LogPage {
        let end = LogPosition(logIndex: self.query.end, position: 0)
        let typeIDs = try PostgresReader.typeIDs(self.query.filter, self.connection)
        let entries = try self.entries()
        let unindexed = try self.segmentsWithoutIndex()
        let known = try PostgresReader.segments(self.connection).map { segment in
            (segment.id, segment.isIndexed && !unindexed.contains(segment.id))
        }
        let maxEvents = self.query.filter == EventFilter() ? Self.maxEvents : Self.maxFilteredEvents
        let isIndexed = Dictionary(known, uniquingKeysWith: { first, _ in first })
        guard typeIDs?.isEmpty != true, let last = entries.last,
            let slice = LogSlice(entries, isIndexed: isIndexed, maxEvents: maxEvents), let lastRead = slice.entries.last
        else {
            guard entries.count == Self.maxEntries, let last = entries.last else {
                return LogPage(events: [], next: end, heapPlace: self.query.heapPlace)
            }
            return LogPage(events: [], next: Self.behind(last), heapPlace: self.query.heapPlace)
        }
        let isWhole = lastRead == last && entries.count < Self.maxEntries
        return try self.page(of: slice, typeIDs, end: isWhole ? end : Self.behind(lastRead))
    }

    private func page(of slice: LogSlice, _ typeIDs: [Int32]?, end: LogPosition) throws(PostgresError) -> LogPage {
        var blocks: ClosedRange<Int64>?
        var heapPlace = self.query.heapPlace
        if case .heap(let segmentID) = slice.place {
            blocks = try HeapSearch(reading: self, segmentID: segmentID).blocks(of: slice)
            guard let blocks else { return LogPage(events: [], next: end, heapPlace: heapPlace) }
            heapPlace = HeapPlace(segmentID: segmentID, block: blocks.lowerBound)
        }
        try self.declare(slice, typeIDs, blocks)
        var events: [StoredEvent] = []
        var matches: [[Int]] = []
        var bytes = 0
        var isFull: Bool { bytes >= Self.maxPageBytes || events.count >= Self.maxEvents }
        var wanted = Self.firstFetchRows
        while !isFull {
            try self.connection.execute("SET LOCAL statement_timeout = \(try self.budget.leftMilliseconds())")
            let rows = try self.connection.query("FETCH \(wanted) FROM page")
            for row in 0..<rows.count where !isFull {
                if !self.query.alternatives.isEmpty {
                    let met = try self.alternatives(rows, row)
                    guard !met.isEmpty else { continue }
                    matches.append(met)
                }
                var event = try PostgresReader.event(rows, row)
                event.logIndex = try rows.integer(row, EventSelect.tenantColumn + 1)
                bytes += EventEncoder.sizeBytes(of: event.event)
                events.append(event)
            }
            if rows.count < wanted { break }
            let room = (Self.maxPageBytes - bytes) / max(1, bytes / max(1, events.count))
            wanted = min(max(1, room), Self.maxFetchRows)
        }
        // A page that is full goes on behind its last event, be that the slice's last one or not.
        var next = end
        if isFull, let last = events.last, let logIndex = last.logIndex {
            next = LogPosition(logIndex: logIndex, position: last.position).next
        }
        var page = LogPage(events: events, next: next, heapPlace: heapPlace)
        page.matches = matches
        return page
    }

    /// Which of the query's alternatives a row meets.
    private func alternatives(_ rows: PostgresRows, _ row: Int) throws(PostgresError) -> [Int] {
        let type = try rows.optionalText(row, EventSelect.typeNameColumn)
        do throws(CodecError) {
            var met: [Int] = []
            for (index, filter) in self.query.alternatives.enumerated()
            where try unsafe filter.matches(typeName: type, field: { unsafe rows.field(row, $0.rawValue) }) {
                met.append(index)
            }
            return met
        } catch {
            throw PostgresReader.unreadable(error)
        }
    }

    /// Opens the cursor `page`, which ends with the transaction.
    private func declare(
        _ slice: LogSlice, _ typeIDs: [Int32]?, _ blocks: ClosedRange<Int64>?
    ) throws(PostgresError) {
        var conditions = self.conditions(of: slice)
        if let blocks { conditions.add(blocks: blocks.lowerBound..<blocks.upperBound + 1) }
        let from = self.query.from
        if let first = slice.entries.first, first.logIndex == from.logIndex, from.position > 0 {
            conditions.add("(e.batch_id <> ? OR e.position >= ?)", .int8(first.batchID), .int4(from.position))
        }
        conditions.add(self.query.filter, typeIDs: typeIDs)
        let count = conditions.values.count
        try self.connection.execute("SET LOCAL cursor_tuple_fraction = 1")
        _ = try self.connection.query(
            """
            DECLARE page NO SCROLL CURSOR FOR
            SELECT \(EventSelect.columns), y.name, t.slug, l.log_index
            FROM docket.events AS e
            JOIN unnest($\(count + 1)::int8[], $\(count + 2)::int8[]) AS l (batch_id, log_index) ON l.batch_id = e.batch_id
            LEFT JOIN docket.event_types AS y ON y.type_id = e.type_id
            LEFT JOIN docket.tenants AS t ON t.tenant_id = e.tenant_id
            WHERE \(conditions.sql)
            ORDER BY l.log_index, e.position
            """,
            conditions.values + [
                .int8Array(slice.entries.map(\.batchID)), .int8Array(slice.entries.map(\.logIndex)),
            ])
    }

    /// What holds for all rows of a slice's batches.
    func conditions(of slice: LogSlice) -> SQLConditions {
        var conditions = SQLConditions()
        switch slice.place {
        case .indexed(let ids): conditions.add(segments: ids)
        case .heap(let id): conditions.add(segments: [id])
        case .unknown: break
        }
        conditions.add("e.tenant_id = ?", .int4(self.query.tenantID))
        let ids = slice.entries.map(\.batchID)
        if let least = ids.min(), let greatest = ids.max() {
            conditions.add("e.batch_id >= ? AND e.batch_id <= ?", .int8(least), .int8(greatest))
        }
        return conditions
    }

    /// The first entries from the page's place on whose events haven't been removed.
    private func entries() throws(PostgresError) -> [LogEntry] {
        let rows = try self.connection.query(
            """
            SELECT log_index, batch_id, accepted_count, segment_id FROM docket.log_entries
            WHERE tenant_id = $1 AND log_index >= $2 AND log_index < $3 AND accepted_count > 0 AND removed_at IS NULL
            ORDER BY log_index LIMIT \(Self.maxEntries)
            """,
            [.int4(self.query.tenantID), .int8(self.query.from.logIndex), .int8(self.query.end)])
        return try (0..<rows.count).map { (row) throws(PostgresError) in
            LogEntry(
                logIndex: try rows.integer(row, 0), batchID: try rows.integer(row, 1),
                acceptedCount: try rows.integer(row, 2), segmentID: try rows.optionalInteger(row, 3))
        }
    }

    /// Segments that were sealed before there was an index on `batch_id`, and have not got it yet: they are searched like those
    /// without any.
    private func segmentsWithoutIndex() throws(PostgresError) -> Set<Int32> {
        let rows = try self.connection.query(
            """
            SELECT segment_id FROM docket.segments WHERE state IN ('sealed', 'retiring')
                AND to_regclass('docket.' || quote_ident(table_name || '_batch_id')) IS NULL
            """)
        var segments: Set<Int32> = []
        for row in 0..<rows.count { segments.insert(try rows.integer(row, 0)) }
        return segments
    }

    private static func behind(_ entry: LogEntry) -> LogPosition {
        LogPosition(logIndex: entry.logIndex + 1, position: 0)
    }
}
