import DocketModel
package import DocketRegistry
package import DocketStore

/// Reads the registry as the role `docket_writer`, the one that the collector writes with.
package final class PostgresRegistry: RegistrySource {
    private let pool: ConnectionPool

    /// Starts a thread; connects when something is to be read.
    package init(settings: ConnectionSettings) throws(PostgresError) {
        self.pool = try ConnectionPool(settings: settings, size: 1, name: "registry") { connection in
            // A standby can't, and a pooler may not pass it on: then a change is found by looking.
            try? connection.execute("LISTEN docket_registry")
        }
    }

    package func loadRegistry() async throws(StoreError) -> RegistryContents {
        try await self.run { connection throws(PostgresError) in
            // One snapshot for all tables: the version must belong to what is read with it.
            try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            let contents = RegistryContents(
                version: try Self.version(connection), tenants: try Self.tenants(connection),
                credentials: try Self.credentials(connection), eventTypes: try Self.eventTypes(connection),
                definitions: try Self.definitions(connection), reservedTypes: try Self.reservedTypes(connection))
            try connection.execute("COMMIT")
            return contents
        }
    }

    package func registryVersion() async throws(StoreError) -> Int64 {
        try await self.run { connection throws(PostgresError) in try Self.version(connection) }
    }

    package func registryChanges() async throws(StoreError) {
        try await self.run { connection throws(PostgresError) in
            _ = try connection.waitForNotification(milliseconds: Self.waitMilliseconds)
        }
    }

    package func observeEventTypes(_ types: [ObservedEventType]) async throws(StoreError) {
        try await self.run { connection throws(PostgresError) in
            _ = try connection.query(
                "SELECT docket.observe_event_types($1, $2)",
                [.int4Array(types.map(\.tenantID)), .textArray(types.map(\.name))])
        }
    }

    package func exchangeUsage(_ usage: [Int32: Int64], day: Int64) async throws(StoreError) -> TenantUsage {
        try await self.run { connection throws(PostgresError) in
            let collectors: Int64 = try connection.query("SELECT docket.live_collectors()").integer(0, 0)
            let rows = try connection.query(
                "SELECT tenant_id, bytes FROM docket.exchange_usage(date 'epoch' + $1::int8::int4, $2, $3)",
                [.int8(day), .int4Array(Array(usage.keys)), .int8Array(Array(usage.values))])
            var bytes: [Int32: Int64] = [:]
            for row in 0..<rows.count { bytes[try rows.integer(row, 0)] = try rows.integer(row, 1) }
            return TenantUsage(bytesOfDay: bytes, collectorCount: collectors)
        }
    }

    package func noteUses(_ uses: [CredentialUse]) async throws(StoreError) {
        try await self.run { connection throws(PostgresError) in
            _ = try connection.query(
                "SELECT docket.note_credential_uses($1, $2)",
                [.int4Array(uses.map(\.credentialID)), .int8Array(uses.map(\.at.microsecondsSinceEpoch))])
        }
    }

    /// How long one wait for a change lasts: what isn't heard of is found that late, and a shutdown waits for it.
    private static let waitMilliseconds: Int32 = 250

    /// Closes the connection.
    package func close() { self.pool.close() }

    private func run<Success: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Success
    ) async throws(StoreError) -> Success {
        do throws(PostgresError) {
            return try await self.pool.run(body)
        } catch {
            let code: StoreError.Code =
                switch error.code {
                case .closed: .shuttingDown
                case .overloaded: .overloaded
                case .unexpectedAnswer: .internal
                default: .unavailable
                }
            throw StoreError(code: code, message: "the registry can't be read: \(error)", cause: error)
        }
    }

    private static func version(_ connection: PostgresConnection) throws(PostgresError) -> Int64 {
        let rows = try connection.query("SELECT version FROM docket.registry_version")
        guard rows.count == 1 else {
            throw PostgresError(
                code: .unexpectedAnswer, message: "docket.registry_version has \(rows.count) rows, not 1")
        }
        return try rows.integer(0, 0)
    }

    private static func tenants(_ connection: PostgresConnection) throws(PostgresError) -> [RegistryContents.Tenant] {
        let rows = try connection.query(
            """
            SELECT tenant_id, slug, state, event_type_mode, clock_mode, max_clock_ahead_seconds, max_clock_behind_seconds,
                \(TenantQuota.sqlList)
            FROM docket.tenants ORDER BY tenant_id
            """)
        var tenants: [RegistryContents.Tenant] = []
        tenants.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            tenants.append(
                .init(
                    id: try rows.integer(row, 0), slug: try rows.text(row, 1), state: try rows.named(row, 2),
                    eventTypeMode: try rows.named(row, 3), clock: try ClockPolicy(rows, row, from: 4),
                    quota: try TenantQuota(rows, row, from: 7)))
        }
        return tenants
    }

    private static func credentials(
        _ connection: PostgresConnection
    ) throws(PostgresError) -> [RegistryContents.Credential] {
        let rows = try connection.query(
            """
            SELECT c.credential_id, c.token_hash, c.scopes, c.covers_all_tenants, c.expires_at, ARRAY(
                SELECT t.tenant_id FROM docket.credential_tenants AS t
                WHERE t.credential_id = c.credential_id ORDER BY t.tenant_id), c.kind, c.issuer, c.subject
            FROM docket.credentials AS c
            WHERE c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > now()) AND c.kind = ANY ($1)
            ORDER BY c.credential_id
            """, [.textArray(CredentialKind.allCases.map(\.rawValue))])
        var credentials: [RegistryContents.Credential] = []
        for row in 0..<rows.count {
            credentials.append(
                .init(
                    id: try rows.integer(row, 0), identity: try CredentialIdentity(rows, row, hash: 1, kind: 6),
                    tenantIDs: try rows.bool(row, 3) ? nil : rows.int4Array(row, 5),
                    scopes: CredentialScopes(rawValue: try rows.integer(row, 2)),
                    expiresAt: try rows.optionalTimestamp(row, 4)))
        }
        return credentials
    }

    private static func eventTypes(_ connection: PostgresConnection) throws(PostgresError) -> [RegistryContents
        .EventType]
    {
        let rows = try connection.query(
            """
            SELECT y.type_id, coalesce(y.tenant_id, 0), y.tenant_id IS NULL, y.name, y.definition_id, y.is_observed
            FROM docket.event_types AS y LEFT JOIN docket.tenants AS t USING (tenant_id)
            WHERE NOT y.is_reserved AND (NOT y.is_observed OR t.event_type_mode <> 'enforce') ORDER BY y.type_id
            """)
        var types: [RegistryContents.EventType] = []
        for row in 0..<rows.count {
            let tenantID: Int32? = try rows.bool(row, 2) ? nil : rows.integer(row, 1)
            types.append(
                .init(
                    id: try rows.integer(row, 0), tenantID: tenantID, name: try rows.text(row, 3),
                    definitionID: try rows.optionalInteger(row, 4), isObserved: try rows.bool(row, 5)))
        }
        return types
    }

    private static func reservedTypes(_ connection: PostgresConnection) throws(PostgresError) -> [String: Int32] {
        let rows = try connection.query(
            "SELECT name, type_id FROM docket.event_types WHERE is_reserved AND tenant_id IS NULL")
        var types: [String: Int32] = [:]
        for row in 0..<rows.count { types[try rows.text(row, 0)] = try rows.integer(row, 1) }
        return types
    }

    /// Those that are in force: earlier versions aren't judged by.
    private static func definitions(_ connection: PostgresConnection) throws(PostgresError) -> [Int32: String] {
        let rows = try connection.query(
            """
            SELECT d.definition_id, d.body FROM docket.event_type_definitions AS d
            WHERE EXISTS (SELECT FROM docket.event_types AS y WHERE y.definition_id = d.definition_id)
            """)
        var definitions: [Int32: String] = [:]
        for row in 0..<rows.count { definitions[try rows.integer(row, 0)] = try rows.text(row, 1) }
        return definitions
    }
}

extension CredentialIdentity {
    /// From a row with the column `token_hash`, and `kind`, `issuer` and `subject` one after the other.
    fileprivate init(_ rows: PostgresRows, _ row: Int, hash: Int, kind: Int) throws(PostgresError) {
        let found: CredentialKind = try rows.named(row, kind)
        self =
            switch found {
            case .token: .token(hash: try rows.bytes(row, hash))
            case .spiffe: .spiffe(try rows.text(row, kind + 2))
            case .subject: .subject(try rows.text(row, kind + 2))
            case .jwt: .jwt(issuer: try rows.text(row, kind + 1), subject: try rows.text(row, kind + 2))
            }
    }
}

extension ClockPolicy {
    /// From a row with the columns `clock_mode`, `max_clock_ahead_seconds` and `max_clock_behind_seconds`, the first of which is
    /// the one named.
    init(_ rows: PostgresRows, _ row: Int, from column: Int) throws(PostgresError) {
        self.init()
        self.mode = try rows.named(row, column)
        self.maxAheadSeconds = try rows.optionalInteger(row, column + 1)
        self.maxBehindSeconds = try rows.optionalInteger(row, column + 2)
    }
}

extension TenantQuota {
    /// The columns of `docket.tenants` that hold it.
    static let sqlList =
        "quota_events_per_second, quota_bytes_per_second, quota_burst_seconds, quota_bytes_per_day, quota_batches_in_flight"

    /// From a row with the columns of ``sqlList``, the first of which is the one named.
    init(_ rows: PostgresRows, _ row: Int, from column: Int) throws(PostgresError) {
        self.init()
        self.eventsPerSecond = try rows.optionalInteger(row, column)
        self.bytesPerSecond = try rows.optionalInteger(row, column + 1)
        self.burstSeconds = try rows.integer(row, column + 2)
        self.bytesPerDay = try rows.optionalInteger(row, column + 3)
        self.batchesInFlight = try rows.optionalInteger(row, column + 4)
    }
}
