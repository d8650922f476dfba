internal import DocketCodec
internal import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRegistry
internal import DocketStore
internal import DocketTransport

/// `docket.v1.AuditLogService/Query`: one page of a tenant's log.
struct QueryService: Sendable {
    private let registry: RegistryHolder
    private let reader: any EventReader
    private let authenticator: Authenticator

    init(registry: RegistryHolder, reader: any EventReader, authenticator: Authenticator) {
        self.registry = registry
        self.reader = reader
        self.authenticator = authenticator
    }

    /// Who calls. Refuses whoever is unknown before the message is read.
    func admit(_ call: ServerCallContext) throws(GRPCStatus) -> Caller {
        try self.authenticator.admit(call, self.registry.snapshot)
    }

    func query(_ message: [UInt8], caller: Caller) async throws(GRPCStatus) -> [UInt8] {
        do {
            let rules = self.registry.rules
            let snapshot = rules.snapshot
            let principal = try self.authenticator.principal(of: caller, in: snapshot, at: .now)
            let request = try QueryRequestMessage(serialized: message)
            let tenant = try snapshot.tenant(named: request.tenant, for: principal, scope: .query)
            guard !rules.isProvisional else { throw PublishRefusal.notReadYet }
            let page = try await self.reader.query(
                EventQuery(
                    tenantIDs: [tenant.id], filter: request.filter, order: request.order, limit: request.pageSize,
                    after: try Self.cursor(of: request)))
            return QueryResponseMessage(
                events: page.events.map { stored in
                    StoredEventMessage(
                        event: encodeEvent(stored.event), tenant: stored.tenant, receivedAt: stored.receivedAt,
                        batchID: stored.batchID, position: Int(stored.position))
                },
                nextPageToken: page.next.map { PageToken.encode($0, order: request.order) } ?? []
            ).serialized()
        } catch let error as PublishRefusal {
            throw error.status
        } catch let error as MessageError {
            throw PublishRefusal(error).status
        } catch let error as RegistryError {
            throw PublishRefusal(error).status
        } catch let error as StoreError {
            throw PublishRefusal(error).status
        } catch {
            throw PublishRefusal(.internal, .internalFault, "the query failed: \(error)").status
        }
    }

    private static func cursor(of request: QueryRequestMessage) throws(PublishRefusal) -> PageCursor? {
        guard !request.pageToken.isEmpty else { return nil }
        guard let cursor = PageToken.decode(request.pageToken, order: request.order) else {
            throw PublishRefusal(
                .invalidArgument, .fieldInvalid,
                "the page token is not of a query in this order; pass next_page_token of the page before, unchanged",
                field: "page_token")
        }
        return cursor
    }
}
