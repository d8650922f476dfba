import DocketCodec
import DocketEventTypes
package import DocketModel
import Synchronization

/// What Docket itself writes into the tenants' logs: above all, that something was removed, how much, and by whom.
///
/// An event is a batch of its own, stored in the caller's open transaction: it is there if and only if what it tells of
/// has happened. Its type is a reserved one, which no emitter may use.
package final class SystemLog: Sendable {
    /// One event.
    package struct Entry: Sendable, Equatable {
        /// The tenant whose log it goes to.
        package var tenantID: Int32
        package var type: EventType
        /// What was done, such as `remove`.
        package var action: String
        /// What it was done to.
        package var resource: Resource
        /// Why, in words: at most 8 KiB; may be empty.
        package var reason: String
        /// Who did it.
        package var actor: Actor
        /// The text of a JSON object: at most 64 KiB.
        package var attributes: String?

        package init(
            tenantID: Int32, type: EventType, action: String, resource: Resource, reason: String, actor: Actor,
            attributes: String? = nil
        ) {
            self.tenantID = tenantID
            self.type = type
            self.action = action
            self.resource = resource
            self.reason = reason
            self.actor = actor
            self.attributes = attributes
        }
    }

    /// The reserved event types. The migrations register them for every tenant.
    package enum EventType: String, Sendable, CaseIterable {
        case retentionRemoved = "docket.retention.removed"
        case quarantineRemoved = "docket.quarantine.removed"
        case tenantChanged = "docket.tenant.changed"
        case credentialChanged = "docket.credential.changed"
        case eventTypeChanged = "docket.event_type.changed"
        case policyChanged = "docket.policy.changed"
        /// Collectors write these.
        case quotaBreached = "quota.breached"
        case logQueried = "docket.log.queried"
        case logExported = "docket.log.exported"
        case logTailed = "docket.log.tailed"
    }

    /// Throws `refused` when one of the names is Docket's own: an emitter could pass its events off as Docket's.
    static func refuseReserved(_ names: some Sequence<String>) throws(PostgresError) {
        for name in names where EventTypeName.isReserved(name) {
            throw PostgresError(
                code: .refused,
                message: "the event type is '\(name.prefix(128))'; \(EventTypeName.reservedNames) are Docket's own: "
                    + "choose another")
        }
    }

    private let producerID: ProducerID
    private let sequence = Mutex<Int64>(0)
    private let nextBatchID: @Sendable () -> Int64?

    /// - Parameter nextBatchID: Numbers for batches, in the layout of `BatchID`, rising; `nil` when the node number that
    ///   they are made with isn't held any more.
    package init(nextBatchID: @escaping @Sendable () -> Int64?) {
        var generator = SystemRandomNumberGenerator()
        self.producerID = .random(using: &generator)
        self.nextBatchID = nextBatchID
    }

    /// Writes an event in the caller's open transaction on a connection of `docket_maintainer`.
    ///
    /// - Returns: The batch's id.
    /// - Throws: `leaseLost` when there is no number for the batch; `unfit` when the event type isn't registered;
    ///   `refused` when the entry breaks a rule of `event.proto`; and the server's error.
    @discardableResult
    package func write(_ entry: Entry, _ connection: PostgresConnection) throws(PostgresError) -> Int64 {
        let typeID = try Self.typeID(entry.type, connection)
        let batchID = try self.batchID()
        // A transaction that is rolled back leaves a gap, which a producer's sequences may have.
        let sequence = self.sequence.withLock { last in
            last += 1
            return last
        }
        var event = Event(
            eventID: .new(), type: entry.type.rawValue, occurredAt: .now, actor: entry.actor, action: entry.action,
            resource: entry.resource, outcome: .success, attributes: entry.attributes)
        event.reason = entry.reason.isEmpty ? nil : entry.reason
        event.source = "docket"
        let batch: EncodedBatch
        do throws(CodecError) {
            batch = try EncodedBatch.own(
                event, key: BatchKey(tenantID: entry.tenantID, producerID: self.producerID, sequence: sequence),
                batchID: batchID, typeID: typeID)
        } catch {
            throw PostgresError(code: .refused, message: error.message, cause: error)
        }
        try MaintainerInsert.store(batch, connection)
        return batchID
    }

    /// The next number for a batch.
    func batchID() throws(PostgresError) -> Int64 {
        if let id = self.nextBatchID() { return id }
        throw PostgresError(
            code: .leaseLost,
            message: "the node number that batches are numbered under isn't held any more, since PostgreSQL was away "
                + "for longer than its lease; try again")
    }

    private static func typeID(_ type: EventType, _ connection: PostgresConnection) throws(PostgresError) -> Int32 {
        let rows = try connection.query(
            "SELECT type_id FROM docket.event_types WHERE tenant_id IS NULL AND name = $1 AND is_reserved",
            [.text(type.rawValue)])
        guard rows.count == 1 else {
            throw PostgresError(
                code: .unfit, message: "the event type \(type.rawValue) is not registered; run docket migrate")
        }
        return try rows.integer(0, 0)
    }
}
