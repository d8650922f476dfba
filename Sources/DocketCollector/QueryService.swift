internal import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRegistry
internal import DocketStore

/// `docket.v1.AuditLogService/Query`: one page of tenants' logs.
struct QueryService: Sendable {
    private let access: ReadAccess
    private let reader: any EventReader
    /// Of pages that are to be counted as well.
    private let counter: any EventReader
    private let audit: ReadAudit

    init(access: ReadAccess, reader: any EventReader, counter: any EventReader, audit: ReadAudit) {
        self.access = access
        self.reader = reader
        self.counter = counter
        self.audit = audit
    }

    func query(_ message: [UInt8], caller: Caller) async throws(GRPCStatus) -> [UInt8] {
        try await ReadAccess.answering("the query") {
            let request = try QueryRequestMessage(serialized: message)
            let reading = try self.access.reader(caller)
            let tenants = try reading.tenants(of: request)
            let count = request.pageToken.isEmpty ? request.count : nil
            let page = try await (count == nil ? self.reader : self.counter).query(
                EventQuery(
                    tenantIDs: tenants.map(\.id).sorted(), filter: request.filter, order: request.order,
                    limit: request.pageSize, after: try Self.cursor(of: request),
                    count: count, fields: request.fields))
            try await self.audit.queried(page, filter: request.filter, of: tenants, by: reading)
            return QueryResponseMessage(
                events: try page.events.map { try StoredEventMessage($0, request.fields) },
                nextPageToken: page.next.map { PageToken.encode($0, order: request.order) } ?? [], count: page.count
            ).serialized()
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
