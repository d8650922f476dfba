import DocketModel
import DocketStore

/// Reads a page's rows of one segment without indexes, inside the page's transaction, as ``HeapPlan`` says.
struct HeapReading {
    /// A block's rows may be all of other tenants: so many are looked at for the time of one.
    private static let probeBlocks: Int64 = 32

    let query: EventQuery
    let connection: PostgresConnection
    let budget: QueryBudget
    let segmentID: Int32
    /// As ``EventSelect`` takes them.
    let segments: [Int32]?
    let typeIDs: [Int32]?
    let firstWindowBlocks: Int64

    /// Reads all rows that belong in the page.
    func read(into rows: inout PageRows) throws(PostgresError) {
        let size = try self.connection.heapBlocks(ofSegment: self.segmentID)
        guard size > 0 else { return }
        let start = rows.last == nil ? try self.start(size) : nil
        var plan = HeapPlan(
            sizeBlocks: size, start: start, order: self.query.order, firstWindowBlocks: self.firstWindowBlocks)
        while let step = plan.next(isFull: rows.last != nil) {
            // Workers would take longer to start than little takes to read.
            try self.set(step.settings(isLittle: rows.last != nil || self.query.filter.namesFewEvents))
            let select = EventSelect(
                self.query, segments: self.segments, typeIDs: self.typeIDs, before: rows.last, heap: step)
            try rows.merge(try self.connection.query(select.sql, select.values))
        }
    }

    /// Where the page begins, by its cursor and the filter's times; `nil` when its rows are too few to fill it.
    private func start(_ size: Int64) throws(PostgresError) -> Int64? {
        let filter = self.query.filter
        guard !filter.namesFewEvents, !HeapPlan.isSmall(size, firstWindowBlocks: self.firstWindowBlocks) else {
            return nil
        }
        switch self.query.order {
        case .newestFirst:
            let ends = [self.query.after?.occurredAt, filter.occurredTo].compactMap { $0 }
            guard let time = ends.min() else { return size }
            return try self.place(of: time, size)?.upperBound
        case .oldestFirst:
            let starts = [self.query.after?.occurredAt, filter.occurredFrom].compactMap { $0 }
            guard let time = starts.max() else { return 0 }
            return try self.place(of: time, size)?.lowerBound
        }
    }

    /// Where rows of a time lie; `nil` when that can't be told, since the tenants have too few rows.
    private func place(of time: Timestamp, _ size: Int64) throws(PostgresError) -> Range<Int64>? {
        try HeapPlan.bisect(sizeBlocks: size, precision: self.firstWindowBlocks) { (block) throws(PostgresError) in
            let probe = HeapPlan.Step.window(block..<block + Self.probeBlocks)
            try self.set(probe.settings(isLittle: true))
            let select = EventSelect(EventQuery(tenantIDs: self.query.tenantIDs), segments: self.segments, heap: probe)
            let rows = try self.connection.query(select.earliestSQL, select.values)
            return try rows.optionalTimestamp(0, 0).map { $0 > time }
        }
    }

    private func set(_ settings: String) throws(PostgresError) {
        try self.connection.execute(
            "\(settings); SET LOCAL statement_timeout = \(try self.budget.leftMilliseconds())")
    }
}

extension HeapPlan.Step {
    /// The way that PostgreSQL is to take: it has no statistics of a table that was never analysed, and would read all of it.
    ///
    /// - Parameter isLittle: Whether few blocks are read.
    func settings(isLittle: Bool) -> String {
        let way =
            switch self {
            case .window:
                "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = on; SET LOCAL enable_tidscan = on"
            case .rest:
                "SET LOCAL enable_bitmapscan = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_tidscan = off"
            }
        return "\(way); SET LOCAL max_parallel_workers_per_gather TO \(isLittle ? "0" : "DEFAULT")"
    }

    /// Leaves the choice to PostgreSQL again.
    static let defaultSettings = """
        SET LOCAL enable_bitmapscan TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_tidscan TO DEFAULT;
        SET LOCAL max_parallel_workers_per_gather TO DEFAULT
        """
}

extension PostgresConnection {
    /// How many blocks the table of a segment has; 0 when there is none.
    func heapBlocks(ofSegment id: Int32) throws(PostgresError) -> Int64 {
        let rows = try self.query(
            """
            SELECT coalesce(pg_relation_size(to_regclass('docket.' || quote_ident(table_name))), 0)
                / current_setting('block_size')::int8 FROM docket.segments WHERE segment_id = $1
            """, [.int4(id)])
        return rows.count == 1 ? try rows.integer(0, 0) : 0
    }
}
