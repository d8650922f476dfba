package import DocketModel

/// Which rejected events are meant; a field that is `nil` leaves its column open.
package struct QuarantineSelection: Sendable, Equatable {
    /// `docket.quarantine.quarantine_id`.
    package var ids: [Int64]?
    /// The tenant's slug.
    package var tenant: String?
    /// The field at fault, such as `actor.id`.
    package var field: String?
    package var code: RejectionCode?
    /// Only what was received before this time.
    package var before: Timestamp?

    package init(
        ids: [Int64]? = nil, tenant: String? = nil, field: String? = nil, code: RejectionCode? = nil,
        before: Timestamp? = nil
    ) {
        self.ids = ids
        self.tenant = tenant
        self.field = field
        self.code = code
        self.before = before
    }
}

/// A rejected event as `docket.quarantine` keeps it, without its bytes.
package struct QuarantinedRecord: Sendable, Equatable {
    package var id: Int64
    package var receivedAt: Timestamp
    /// The slug of the tenant whose log it was meant for.
    package var tenant: String
    /// The batch that it came with, and its index there.
    package var batchID: Int64
    package var position: Int32
    /// `nil` in rows that were stored before the columns existed.
    package var producerID: ProducerID?
    package var sequence: Int64?
    package var field: String
    /// The name of a ``RejectionCode``.
    package var code: String
    package var reason: String
    /// How large the encoded event is.
    package var eventBytes: Int32
}

/// The newest of the rejected events asked for.
package struct QuarantineList: Sendable, Equatable {
    /// Newest first.
    package var records: [QuarantinedRecord]
    /// How many there are in all.
    package var totalCount: Int64
}

extension SQLConditions {
    /// A selection as conditions on `docket.quarantine AS q`. Looks the tenant up.
    ///
    /// - Throws: `refused` when there is no such tenant.
    init(_ selection: QuarantineSelection, _ connection: PostgresConnection) throws(PostgresError) {
        self.init()
        if let ids = selection.ids { self.add("q.quarantine_id = ANY (?)", .int8Array(ids)) }
        if let slug = selection.tenant {
            self.add("q.tenant_id = ?", .int4(try TenantPolicy.tenantID(named: slug, connection)))
        }
        if let field = selection.field { self.add("q.field = ?", .text(field)) }
        if let code = selection.code { self.add("q.code = ?", .text(code.name)) }
        if let before = selection.before { self.add("q.received_at < ?", .timestamp(before)) }
    }
}

// MARK: - Reading

extension QuarantinedRecord {
    private static let columns = """
        q.quarantine_id, q.received_at, coalesce(t.slug, ''), q.batch_id, q.position, q.producer_id, q.sequence, q.field,
        q.code, q.reason, octet_length(q.event)
        """

    private init(_ rows: PostgresRows, _ row: Int) throws(PostgresError) {
        let producerID = rows.isNull(row, 5) ? nil : ProducerID(bytes: try rows.bytes(row, 5))
        self.init(
            id: try rows.integer(row, 0), receivedAt: try rows.timestamp(row, 1), tenant: try rows.text(row, 2),
            batchID: try rows.integer(row, 3), position: try rows.integer(row, 4), producerID: producerID,
            sequence: try rows.optionalInteger(row, 6), field: try rows.text(row, 7), code: try rows.text(row, 8),
            reason: try rows.text(row, 9), eventBytes: try rows.integer(row, 10))
    }

    static func list(
        _ selection: QuarantineSelection, limit: Int32, _ connection: PostgresConnection
    ) throws(PostgresError) -> QuarantineList {
        let condition = try SQLConditions(selection, connection)
        let count = "SELECT count(*) FROM docket.quarantine AS q WHERE \(condition.sql)"
        let total: Int64 = try connection.query(count, condition.values).integer(0, 0)
        let rows = try connection.query(
            """
            SELECT \(self.columns) FROM docket.quarantine AS q LEFT JOIN docket.tenants AS t USING (tenant_id)
            WHERE \(condition.sql) ORDER BY q.quarantine_id DESC LIMIT \(limit)
            """, condition.values)
        var records: [QuarantinedRecord] = []
        for row in 0..<rows.count { records.append(try QuarantinedRecord(rows, row)) }
        return QuarantineList(records: records, totalCount: total)
    }

    static func read(
        _ id: Int64, _ connection: PostgresConnection
    ) throws(PostgresError) -> (record: QuarantinedRecord, event: [UInt8])? {
        let rows = try connection.query(
            """
            SELECT \(self.columns), q.event FROM docket.quarantine AS q LEFT JOIN docket.tenants AS t USING (tenant_id)
            WHERE q.quarantine_id = $1
            """, [.int8(id)])
        guard rows.count == 1 else { return nil }
        return (try QuarantinedRecord(rows, 0), try rows.bytes(0, 11))
    }
}
