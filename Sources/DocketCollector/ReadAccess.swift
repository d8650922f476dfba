internal import DocketCodec
internal import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRegistry
internal import DocketStore
internal import DocketTransport

/// Who may read which tenant's log.
struct ReadAccess: Sendable {
    private let registry: RegistryHolder
    private let authenticator: Authenticator

    init(registry: RegistryHolder, authenticator: Authenticator) {
        self.registry = registry
        self.authenticator = authenticator
    }

    /// Who calls. Refuses whoever is unknown before the message is read.
    func admit(_ call: ServerCallContext) throws(GRPCStatus) -> Caller {
        try self.authenticator.admit(call, self.registry.snapshot)
    }

    /// What the registry says of a caller now: what a credential may do is asked anew each time.
    func reader(_ caller: Caller) throws -> ReadingCaller {
        let rules = self.registry.rules
        let principal = try self.authenticator.principal(of: caller, in: rules.snapshot, at: .now)
        return ReadingCaller(principal: principal, snapshot: rules.snapshot, isProvisional: rules.isProvisional)
    }

    /// Runs a method that reads, and gives its errors the status that they stand for.
    static func answering<Answer>(
        _ what: String, _ body: () async throws -> Answer
    ) async throws(GRPCStatus) -> Answer {
        do {
            return try await body()
        } catch let status as GRPCStatus {
            throw status
        } catch is CancellationError {
            throw GRPCStatus(.cancelled, "the call is over")
        } catch let error as PublishRefusal {
            throw error.status
        } catch let error as MessageError {
            throw PublishRefusal(error).status
        } catch let error as RegistryError {
            throw PublishRefusal(error).status
        } catch let error as StoreError {
            throw PublishRefusal(error).status
        } catch {
            throw PublishRefusal(.internal, .internalFault, "\(what) failed: \(error)").status
        }
    }
}

/// Who reads, by the registry of one moment.
struct ReadingCaller: Sendable {
    let principal: Principal
    let snapshot: RegistrySnapshot
    /// Whether the registry is that of a file, which PostgreSQL has not yet confirmed.
    fileprivate let isProvisional: Bool

    /// The tenant that a request names, or the only one that the credential covers.
    func tenant(named name: String, scope: CredentialScopes) throws -> RegistryContents.Tenant {
        let tenant = try self.snapshot.tenant(named: name, for: self.principal, scope: scope)
        guard !self.isProvisional else { throw PublishRefusal.notReadYet }
        return tenant
    }

    /// The tenants whose logs a request is of, each once.
    func tenants(of request: some TenantNaming) throws -> [RegistryContents.Tenant] {
        guard !request.isOfAllTenants else {
            let tenants = try self.snapshot.tenants(of: self.principal, scope: .query)
            guard !self.isProvisional else { throw PublishRefusal.notReadYet }
            return tenants
        }
        // Where others are named, an empty name is none.
        let names = request.tenant.isEmpty && !request.moreTenants.isEmpty ? [] : [request.tenant]
        var seen: Set<Int32> = []
        return try (names + request.moreTenants).map { try self.tenant(named: $0, scope: .query) }
            .filter { seen.insert($0.id).inserted }
    }
}

extension StoredEventMessage {
    /// A stored event with its encoding.
    init(_ stored: StoredEvent) {
        self.init(
            event: encodeEvent(stored.event), tenant: stored.tenant, receivedAt: stored.receivedAt,
            batchID: stored.batchID, position: Int(stored.position), logIndex: stored.logIndex)
    }

    /// The wanted fields of a stored event.
    init(_ stored: StoredEvent, _ fields: EventFields) throws(MessageError) {
        self.init(stored.masked(fields))
        if fields != .all { try self.mask(fields) }
    }
}
