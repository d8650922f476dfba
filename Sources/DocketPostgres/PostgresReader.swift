import DocketCodec
import DocketModel
package import DocketStore

/// Reads events back, as the role `docket_reader`: the tenants of a query are set for its transaction, and row-level
/// security shows no others, whatever the statement says.
package final class PostgresReader: EventReader {
    private let pool: ConnectionPool
    private let statementTimeoutMilliseconds: Int
    private let heapWindowBlocks: Int64

    /// A page ends with the event that reaches this many encoded bytes, so that a page of large events stays under the 4 MiB
    /// that gRPC clients take by default.
    private static let maxPageBytes = 2 * 1024 * 1024

    /// Starts the threads; connects when something is to be read.
    ///
    /// - Parameters:
    ///   - connections: How many queries run at once.
    ///   - maxWaiting: How many more wait; further ones are refused as `overloaded`.
    ///   - statementTimeoutMilliseconds: After which a query, with all its statements, is broken off.
    ///   - heapWindowBlocks: How many blocks of a segment without indexes are read first.
    package init(
        settings: ConnectionSettings, connections: Int = 4, maxWaiting: Int = 256,
        statementTimeoutMilliseconds: Int = 30_000, heapWindowBlocks: Int64 = 512
    ) throws(PostgresError) {
        self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
        self.heapWindowBlocks = max(1, heapWindowBlocks)
        self.pool = try ConnectionPool(
            settings: settings, size: connections, maxWaiting: maxWaiting, name: "reader"
        ) { connection throws(PostgresError) in try Self.check(connection) }
    }

    package func query(_ query: EventQuery) async throws(StoreError) -> EventPage {
        guard (1...EventQuery.maxLimit).contains(query.limit) else {
            throw StoreError(
                code: .refused,
                message: "a page holds 1 to \(EventQuery.maxLimit) events; \(query.limit) were asked for")
        }
        guard !query.tenantIDs.isEmpty, Self.canMatch(query.filter) else {
            return EventPage(events: [], next: nil, count: query.count.map { _ in 0 })
        }
        let blocks = self.heapWindowBlocks
        return try await self.run { connection, budget throws(PostgresError) in
            try Self.read(query, connection, budget, heapWindowBlocks: blocks)
        }
    }

    package func statistics(_ query: StatisticsQuery) async throws(StoreError) -> EventStatistics {
        let (groups, buckets) = (query.maxGroups, query.bucketStarts.count)
        guard (1...EventGrouping.maxGroups).contains(groups), buckets <= TimeBuckets.maxCount,
            groups * buckets <= TimeBuckets.maxCells
        else {
            throw StoreError(
                code: .refused,
                message:
                    "events are counted in 1 to \(EventGrouping.maxGroups) groups, at most \(TimeBuckets.maxCount) "
                    + "buckets, and \(TimeBuckets.maxCells) counts; \(groups) groups of \(buckets) were asked for")
        }
        guard !query.tenantIDs.isEmpty, Self.canMatch(query.filter) else {
            return EventStatistics(groups: [], count: 0)
        }
        return try await self.run { connection, budget throws(PostgresError) in
            try Self.transaction(of: query.tenantIDs, connection, budget) { () throws(PostgresError) in
                try StatisticsReading(query: query, connection: connection, budget: budget).statistics()
            }
        }
    }

    /// Runs `body` with a connection, within the time of a query.
    func run<Success: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection, QueryBudget) throws(PostgresError) -> Success
    ) async throws(StoreError) -> Success {
        let timeout = self.statementTimeoutMilliseconds
        do throws(PostgresError) {
            return try await self.pool.runCancellable { connection, cancellation throws(PostgresError) in
                try body(connection, QueryBudget(milliseconds: timeout, cancellation: cancellation))
            }
        } catch {
            throw Self.storeError(error, timeoutMilliseconds: timeout)
        }
    }

    /// Closes the connections; queries that wait are refused.
    package func close() { self.pool.close() }

    /// PostgreSQL has no way to hold U+0000, so a text with one matches nothing, and would be an error as a parameter.
    static func canMatch(_ filter: EventFilter) -> Bool {
        [
            filter.scope, filter.type, filter.actorID, filter.sessionID, filter.resourceType, filter.resourceID,
            filter.action, filter.requestID, filter.agentID, filter.typePrefix, filter.source, filter.policy,
            filter.text,
        ].allSatisfy { $0?.utf8.contains(0) != true }
            && filter.attributes.allSatisfy { condition in
                ([condition.value] + condition.pointer.tokens).allSatisfy { !$0.utf8.contains(0) }
            }
    }

    /// The setting of the tenants is trusted from this role alone; with another one every page would be empty.
    private static func check(_ connection: PostgresConnection) throws(PostgresError) {
        try Migrator.checkServer(connection)
        let name = try connection.query("SELECT session_user::text").text(0, 0)
        guard name == Roles.reader else {
            throw PostgresError(
                code: .unfit,
                message: "the collector is to read as \(name); connect as docket_reader, whom row-level "
                    + "security trusts to name the tenants")
        }
    }

    /// All statements see one state of the log: a segment may be sealed, and a further one made, between them.
    private static func read(
        _ query: EventQuery, _ connection: PostgresConnection, _ budget: QueryBudget, heapWindowBlocks: Int64
    ) throws(PostgresError) -> EventPage {
        let (rows, count) = try self.transaction(of: query.tenantIDs, connection, budget) { () throws(PostgresError) in
            let rows = try self.rows(query, connection, budget, heapWindowBlocks: heapWindowBlocks)
            try connection.execute(HeapPlan.Step.defaultSettings)
            return (rows, try EventCounting(query, connection, budget).count())
        }
        var page = try self.page(rows, limit: query.limit)
        page.count = count
        return page
    }

    /// Runs `body` in a transaction that sees these tenants, and one state of the log.
    static func transaction<Success>(
        of tenantIDs: [Int32], _ connection: PostgresConnection, _ budget: QueryBudget,
        _ body: () throws(PostgresError) -> Success
    ) throws(PostgresError) -> Success {
        let tenants = tenantIDs.map { "\($0)" }.joined(separator: ",")
        try connection.execute(
            """
            BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL docket.tenant_ids = '\(tenants)';
            SET LOCAL jit = off; SET LOCAL statement_timeout = \(budget.milliseconds)
            """)
        let result: Success
        do throws(PostgresError) {
            result = try body()
        } catch {
            // An aborted transaction must not meet the next query.
            if connection.isAlive { try connection.execute("ROLLBACK") }
            throw error
        }
        try connection.execute("COMMIT")
        return result
    }

    /// The page's rows, and one more if there is one.
    private static func rows(
        _ query: EventQuery, _ connection: PostgresConnection, _ budget: QueryBudget, heapWindowBlocks: Int64
    ) throws(PostgresError) -> PageRows {
        var rows = PageRows(capacity: query.limit + 1, order: query.order)
        let typeIDs = try self.typeIDs(query.filter, connection)
        if typeIDs?.isEmpty == true { return rows }
        let all = try self.segments(connection)
        var walk = SegmentWalk(all, for: query)
        while let group = walk.next(upTo: rows.last) {
            // The condition on the segment is evaluated for each row, and its column is the last: where it rules nothing
            // out, a scan is a third faster without it.
            let segments = all.count == 1 ? nil : group.ids
            if !group.isIndexed, let id = group.ids.first {
                try HeapReading(
                    query: query, connection: connection, budget: budget, segmentID: id, segments: segments,
                    typeIDs: typeIDs, firstWindowBlocks: heapWindowBlocks
                ).read(into: &rows)
                continue
            }
            try connection.execute(
                """
                \(HeapPlan.Step.defaultSettings); SET LOCAL statement_timeout = \(try budget.leftMilliseconds())
                """)
            let select = EventSelect(
                query, segments: segments, times: group.times, typeIDs: typeIDs, before: rows.last)
            try rows.merge(try connection.query(select.sql, select.values))
        }
        return rows
    }

    /// The event types of the filter's name and prefix, as far as the tenants may see them; `nil` when it has neither.
    static func typeIDs(
        _ filter: EventFilter, _ connection: PostgresConnection
    ) throws(PostgresError) -> [Int32]? {
        guard filter.type != nil || filter.typePrefix != nil else { return nil }
        let rows = try connection.query(
            "SELECT type_id FROM docket.event_types WHERE name = coalesce($1::text, name) AND starts_with(name, $2)",
            [filter.type.map { .text($0) } ?? .null, .text(filter.typePrefix ?? "")])
        return try (0..<rows.count).map { (row) throws(PostgresError) in try rows.integer(row, 0) }
    }

    /// The segments with rows. The times of one count when nothing is written to it any more.
    static func segments(_ connection: PostgresConnection) throws(PostgresError) -> [SegmentSpan] {
        let rows = try connection.query(
            """
            SELECT segment_id, min_occurred_at IS NOT NULL AND max_occurred_at IS NOT NULL
                AND row_count IS NOT NULL AND state <> 'hot', min_occurred_at, max_occurred_at,
                state IN ('sealed', 'retiring')
            FROM docket.segments WHERE state = 'hot' OR (state <> 'dropped' AND row_count IS DISTINCT FROM 0)
            """)
        return try (0..<rows.count).map { (row) throws(PostgresError) in
            let id: Int32 = try rows.integer(row, 0)
            let isIndexed = try rows.bool(row, 4)
            guard try rows.bool(row, 1) else { return SegmentSpan(id: id, times: nil, isIndexed: isIndexed) }
            let (first, last) = (try rows.timestamp(row, 2), try rows.timestamp(row, 3))
            guard first <= last else {
                throw PostgresError(
                    code: .unexpectedAnswer,
                    message: "docket.segments has segment \(id) end before it begins: \(first) to \(last)")
            }
            return SegmentSpan(id: id, times: first...last, isIndexed: isIndexed)
        }
    }

    private static func page(_ found: PageRows, limit: Int) throws(PostgresError) -> EventPage {
        let rows = found.rows
        var events: [StoredEvent] = []
        events.reserveCapacity(min(rows.count, limit))
        var bytes = 0
        for row in rows.prefix(limit) where bytes < self.maxPageBytes {
            let event = try self.event(row.answer, row.index)
            bytes += EventEncoder.sizeBytes(of: event.event)
            events.append(event)
        }
        guard rows.count > events.count, let last = events.last else { return EventPage(events: events, next: nil) }
        let next = PageCursor(occurredAt: last.event.occurredAt, batchID: last.batchID, position: last.position)
        return EventPage(events: events, next: next)
    }

    /// A row of ``EventSelect``, or of another statement whose columns begin so.
    static func event(_ rows: PostgresRows, _ row: Int) throws(PostgresError) -> StoredEvent {
        let type = try rows.optionalText(row, EventSelect.typeNameColumn)
        let tenant = try rows.optionalText(row, EventSelect.tenantColumn)
        do throws(CodecError) {
            let decoded = try unsafe decodeRow(typeName: { _ in type }) { unsafe rows.field(row, $0.rawValue) }
            return StoredEvent(
                event: decoded.event, tenant: tenant ?? "", receivedAt: BatchID.receivedAt(of: decoded.batchID),
                batchID: decoded.batchID, position: decoded.position)
        } catch {
            throw self.unreadable(error)
        }
    }

    static func unreadable(_ error: CodecError) -> PostgresError {
        PostgresError(code: .unexpectedAnswer, message: "a stored event can't be read: \(error)", cause: error)
    }
}
