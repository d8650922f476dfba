import DocketCodec
import DocketModel
package import DocketStore

/// Reads events back, as the role `docket_reader`: the tenants of a query are set for its transaction, and row-level
/// security shows no others, whatever the statement says.
package final class PostgresReader: EventReader {
    private let pool: ConnectionPool
    private let statementTimeoutMilliseconds: Int

    /// A page ends with the event that reaches this many encoded bytes, so that a page of large events stays under the 4 MiB
    /// that gRPC clients take by default.
    private static let maxPageBytes = 2 * 1024 * 1024

    /// Starts the threads; connects when something is to be read.
    ///
    /// - Parameters:
    ///   - connections: How many queries run at once.
    ///   - maxWaiting: How many more wait; further ones are refused as `overloaded`.
    ///   - statementTimeoutMilliseconds: After which the server breaks a query off.
    package init(
        settings: ConnectionSettings, connections: Int = 4, maxWaiting: Int = 256,
        statementTimeoutMilliseconds: Int = 30_000
    ) throws(PostgresError) {
        self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
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
        guard !query.tenantIDs.isEmpty, Self.canMatch(query.filter) else { return EventPage(events: [], next: nil) }
        let timeout = self.statementTimeoutMilliseconds
        do throws(PostgresError) {
            return try await self.pool.run { connection throws(PostgresError) in
                try Self.read(query, connection, timeoutMilliseconds: timeout)
            }
        } catch {
            throw Self.storeError(error, timeoutMilliseconds: timeout)
        }
    }

    /// Closes the connections; queries that wait are refused.
    package func close() { self.pool.close() }

    /// PostgreSQL has no way to hold U+0000, so a text with one matches nothing, and would be an error as a parameter.
    private static func canMatch(_ filter: EventFilter) -> Bool {
        [
            filter.scope, filter.type, filter.actorID, filter.sessionID, filter.resourceType, filter.resourceID,
            filter.action, filter.requestID, filter.agentID,
        ].allSatisfy { $0?.utf8.contains(0) != true }
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

    private static func read(
        _ query: EventQuery, _ connection: PostgresConnection, timeoutMilliseconds: Int
    ) throws(PostgresError) -> EventPage {
        let tenants = query.tenantIDs.map { "\($0)" }.joined(separator: ",")
        try connection.execute(
            """
            BEGIN READ ONLY; SET LOCAL docket.tenant_ids = '\(tenants)';
            SET LOCAL statement_timeout = \(timeoutMilliseconds)
            """)
        let page: EventPage
        do throws(PostgresError) {
            let select = EventSelect(query)
            page = try self.page(try connection.query(select.sql, select.values), limit: query.limit)
        } catch {
            // An aborted transaction must not meet the next query.
            if connection.isAlive { try connection.execute("ROLLBACK") }
            throw error
        }
        try connection.execute("COMMIT")
        return page
    }

    private static func page(_ rows: PostgresRows, limit: Int) throws(PostgresError) -> EventPage {
        var events: [StoredEvent] = []
        events.reserveCapacity(min(rows.count, limit))
        var bytes = 0
        for row in 0..<min(rows.count, limit) where bytes < self.maxPageBytes {
            let event = try self.event(rows, row)
            bytes += EventEncoder.sizeBytes(of: event.event)
            events.append(event)
        }
        guard rows.count > events.count, let last = events.last else { return EventPage(events: events, next: nil) }
        let next = PageCursor(occurredAt: last.event.occurredAt, batchID: last.batchID, position: last.position)
        return EventPage(events: events, next: next)
    }

    private static func event(_ rows: PostgresRows, _ row: Int) throws(PostgresError) -> StoredEvent {
        let type = try rows.optionalText(row, EventSelect.typeNameColumn)
        let tenant = try rows.optionalText(row, EventSelect.tenantColumn)
        do throws(CodecError) {
            let decoded = try unsafe decodeRow(typeName: { _ in type }) { unsafe rows.field(row, $0.rawValue) }
            return StoredEvent(
                event: decoded.event, tenant: tenant ?? "", receivedAt: BatchID.receivedAt(of: decoded.batchID),
                batchID: decoded.batchID, position: decoded.position)
        } catch {
            throw PostgresError(
                code: .unexpectedAnswer, message: "a stored event can't be read: \(error)", cause: error)
        }
    }

    private static func storeError(_ error: PostgresError, timeoutMilliseconds: Int) -> StoreError {
        switch error.code {
        case .overloaded:
            StoreError(code: .overloaded, message: "\(error)", retryAfterMilliseconds: 1000, cause: error)
        case .closed: StoreError(code: .shuttingDown, message: "\(error)", cause: error)
        case .unexpectedAnswer: StoreError(code: .internal, message: "\(error)", cause: error)
        case .statementFailed where error.sqlstate == .queryCanceled:
            StoreError(
                code: .unavailable,
                message: "the query took longer than \(timeoutMilliseconds) ms; ask for a shorter time range",
                cause: error)
        default: StoreError(code: .unavailable, message: "PostgreSQL can't be read from: \(error)", cause: error)
        }
    }
}
