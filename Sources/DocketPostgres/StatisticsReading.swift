import DocketModel
import DocketStore

/// Counts events by a field and by time, inside a transaction that sees their tenants.
struct StatisticsReading {
    let query: StatisticsQuery
    let connection: PostgresConnection
    let budget: QueryBudget

    func statistics() throws(PostgresError) -> EventStatistics {
        let typeIDs = try PostgresReader.typeIDs(self.query.filter, self.connection)
        if typeIDs?.isEmpty == true { return EventStatistics(groups: [], count: 0) }
        let all = try PostgresReader.segments(self.connection)
        let matching = EventQuery(tenantIDs: self.query.tenantIDs, filter: self.query.filter)
        var walk = SegmentWalk(all, for: matching, purpose: .whole)
        var segments: [Int32] = []
        while let group = walk.next(upTo: nil) { segments += group.ids }
        guard !segments.isEmpty else { return EventStatistics(groups: [], count: 0) }
        // A condition on the segment that rules nothing out costs a third of a scan.
        let select = StatisticsSelect(
            self.query, segments: segments.count == all.count ? nil : segments, typeIDs: typeIDs)
        try self.connection.execute("SET LOCAL statement_timeout = \(try self.budget.leftMilliseconds())")
        return try self.statistics(try self.connection.query(select.sql, select.values))
    }

    private func statistics(_ rows: PostgresRows) throws(PostgresError) -> EventStatistics {
        typealias Column = StatisticsSelect.Column
        let buckets = [Int64](repeating: 0, count: self.query.bucketStarts.count)
        var groups: [Int: EventStatistics.Group] = [:]
        var total: Int64 = 0
        var groupCount: Int64 = 0
        var cells: [(rank: Int, bucket: Int, count: Int64)] = []
        for row in 0..<rows.count {
            let rank = Int(try rows.integer(row, Column.rank.rawValue, as: Int32.self))
            let count: Int64 = try rows.integer(row, Column.count.rawValue)
            if let bucket = try rows.optionalInteger(row, Column.bucket.rawValue, as: Int32.self) {
                cells.append((rank, Int(bucket), count))
            } else if rank == 0 {
                total = count
                let text = try rows.text(row, Column.key.rawValue)
                guard let number = Int64(text) else { throw Self.unexpected("'\(text)' is no number of groups") }
                groupCount = number
            } else {
                groups[rank] = EventStatistics.Group(
                    value: self.value(try rows.text(row, Column.key.rawValue)), count: count, bucketCounts: buckets)
            }
        }
        let told = groups.values.reduce(0) { $0 + $1.count }
        let others = groupCount - Int64(groups.count)
        if others > 0 {
            groups[0] = EventStatistics.Group(value: nil, count: total - told, bucketCounts: buckets)
        }
        for cell in cells {
            guard buckets.indices.contains(cell.bucket - 1), groups[cell.rank] != nil else {
                throw Self.unexpected("a count is of group \(cell.rank), bucket \(cell.bucket), which isn't asked for")
            }
            groups[cell.rank]?.bucketCounts[cell.bucket - 1] = cell.count
        }
        let other = groups.removeValue(forKey: 0)
        return EventStatistics(
            groups: groups.sorted { $0.key < $1.key }.map(\.value), other: other, otherGroupCount: others,
            count: total)
    }

    /// What the key of a group stands for; `nil` for events without a value.
    private func value(_ key: String) -> String? {
        guard !key.isEmpty else { return nil }
        let text = String(key.unicodeScalars.dropFirst())
        let number = Int16(text)
        return switch self.query.grouping {
        case .decision: number.flatMap { Decision(rawValue: $0)?.name } ?? text
        case .outcome: number.flatMap { Outcome(rawValue: $0)?.name } ?? text
        default: text
        }
    }

    private static func unexpected(_ message: String) -> PostgresError {
        PostgresError(code: .unexpectedAnswer, message: message)
    }
}
