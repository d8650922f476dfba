import Crypto
package import DocketEventTypes
package import DocketModel

// The operator's hand on event types. Each change is an event in the log of the tenant that the type belongs to; what every tenant
// may use is told of in the log of the tenant `default`.

extension Administration {
    /// A definition as its file has it.
    package struct DefinitionFile: Sendable {
        package let definition: EventTypeDefinition
        /// The text that the definition was read from.
        package let body: String

        package init(definition: EventTypeDefinition, body: String) {
            self.definition = definition
            self.body = body
        }
    }

    /// Registers event types without a definition: any event of them is in order. Those that are registered stay as they are.
    ///
    /// - Parameter tenant: the tenant that the types belong to; `nil` for types that every tenant may use.
    /// - Throws: `refused` for an unknown tenant and a reserved name.
    package func registerEventTypes(
        _ names: [String], tenant: String?, actor: Actor
    ) async throws(PostgresError) {
        try SystemLog.refuseReserved(names)
        try await self.recording { connection, log throws(PostgresError) in
            let loggedIn = try TenantPolicy.tenantID(named: tenant ?? Self.defaultTenant, connection)
            for name in try Self.register(names, tenant: tenant == nil ? nil : loggedIn, connection) {
                let entry = SystemLog.Entry(
                    tenantID: loggedIn, type: .eventTypeChanged, action: "add",
                    resource: Resource(type: "event_type", id: name), reason: "", actor: actor)
                try log.write(entry, connection)
            }
        }
    }

    /// Applies definitions, all or none, and says what that did to each type, in their order.
    ///
    /// - Parameters:
    ///   - tenant: the tenant that the types belong to; `nil` for types that every tenant may use.
    ///   - isTrial: whether nothing is to be kept.
    /// - Throws: `refused` for an unknown tenant, a reserved name, and a version that is taken by another content.
    package func applyEventTypes(
        _ files: [DefinitionFile], tenant: String?, isTrial: Bool = false, actor: Actor
    ) async throws(PostgresError) -> [EventTypeRecord.Outcome] {
        try SystemLog.refuseReserved(files.map(\.definition.name))
        do throws(PostgresError) {
            return try await self.recording { connection, log throws(PostgresError) in
                var tenantID: Int32?
                if let tenant { tenantID = try TenantPolicy.tenantID(named: tenant, connection) }
                let loggedIn = try TenantPolicy.tenantID(named: tenant ?? Self.defaultTenant, connection)
                var outcomes: [EventTypeRecord.Outcome] = []
                for file in files {
                    let outcome = try Self.apply(file, tenantID: tenantID, connection)
                    outcomes.append(outcome)
                    if outcome != .unchanged {
                        try log.write(.eventType(file.definition, tenantID: loggedIn, actor), connection)
                    }
                }
                // Undone as a whole, by the one way out of a transaction that there is.
                if isTrial { throw PostgresError.trial(outcomes) }
                return outcomes
            }
        } catch {
            if let outcomes = (error.cause as? TrialResult)?.outcomes { return outcomes }
            throw error
        }
    }

    /// The event types that a tenant may use, or all there are; or the one of that name.
    package func eventTypes(
        tenant: String? = nil, name: String? = nil
    ) async throws(PostgresError) -> [EventTypeRecord] {
        try await self.pool.run { connection throws(PostgresError) in
            try EventTypeRecord.read(tenant: tenant, name: name, connection)
        }
    }

    private static func apply(
        _ file: DefinitionFile, tenantID: Int32?, _ connection: PostgresConnection
    ) throws(PostgresError) -> EventTypeRecord.Outcome {
        let definition = file.definition
        let tenant = tenantID.map { PostgresValue.int4($0) } ?? .null
        // One administrator at a time for each type: two must not both find the same version free.
        let type = try connection.query(
            """
            INSERT INTO docket.event_types AS y (tenant_id, name) VALUES ($1::int4, $2)
            ON CONFLICT (tenant_id, name) DO UPDATE SET is_observed = false RETURNING y.type_id
            """, [tenant, .text(definition.name)])
        let typeID: Int32 = try type.integer(0, 0)
        let newest = try connection.query(
            """
            SELECT v.version, d.body FROM docket.event_type_versions AS v
            JOIN docket.event_type_definitions AS d USING (definition_id)
            WHERE v.type_id = $1 ORDER BY v.version DESC LIMIT 1
            """, [.int4(typeID)])
        var outcome = EventTypeRecord.Outcome.defined
        if newest.count == 1 {
            let registered = try self.definition(try newest.text(0, 1))
            do throws(EventTypeError) {
                switch try Evolution(from: registered, to: definition) {
                case .unchanged: outcome = registered == definition ? .unchanged : .changed([])
                case .newVersion(let changes): outcome = .changed(changes)
                }
            } catch {
                throw PostgresError(code: .refused, message: error.message, cause: error)
            }
        }
        if outcome != .unchanged { try self.store(file, typeID: typeID, connection) }
        return outcome
    }

    private static func store(
        _ file: DefinitionFile, typeID: Int32, _ connection: PostgresConnection
    ) throws(PostgresError) {
        let hash = Array(SHA256.hash(data: Array(file.body.utf8)))
        let definitionID: Int32 = try connection.query(
            """
            INSERT INTO docket.event_type_definitions AS d (content_hash, body) VALUES ($1, $2)
            ON CONFLICT (content_hash) DO UPDATE SET body = excluded.body RETURNING d.definition_id
            """, [.bytes(hash), .text(file.body)]
        ).integer(0, 0)
        _ = try connection.query(
            """
            INSERT INTO docket.event_type_versions (type_id, version, definition_id) VALUES ($1, $2, $3)
            ON CONFLICT (type_id, version) DO UPDATE SET definition_id = excluded.definition_id, applied_at = now()
            """, [.int4(typeID), .int4(file.definition.version), .int4(definitionID)])
        _ = try connection.query(
            "UPDATE docket.event_types SET definition_id = $2 WHERE type_id = $1", [.int4(typeID), .int4(definitionID)])
    }

    /// A definition that was applied once.
    private static func definition(_ body: String) throws(PostgresError) -> EventTypeDefinition {
        do throws(EventTypeError) {
            return try EventTypeDefinition(json: Array(body.utf8))
        } catch {
            throw PostgresError(
                code: .unexpectedAnswer, message: "a registered definition can't be read: \(error)", cause: error)
        }
    }
}

/// What a trial would have done: the cause of the error that undoes it.
private struct TrialResult: Error {
    let outcomes: [EventTypeRecord.Outcome]
}

extension PostgresError {
    fileprivate static func trial(_ outcomes: [EventTypeRecord.Outcome]) -> PostgresError {
        PostgresError(code: .refused, message: "a trial is undone", cause: TrialResult(outcomes: outcomes))
    }
}

extension SystemLog.Entry {
    /// That a definition was applied.
    fileprivate static func eventType(_ definition: EventTypeDefinition, tenantID: Int32, _ actor: Actor) -> Self {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("version")
        writer.integer(definition.version)
        writer.endObject()
        return Self(
            tenantID: tenantID, type: .eventTypeChanged, action: "apply",
            resource: Resource(type: "event_type", id: definition.name), reason: "", actor: actor,
            attributes: writer.text)
    }
}
