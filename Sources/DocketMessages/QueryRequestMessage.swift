import CDocketProtos
import CProtobufC
package import DocketModel

/// A `docket.v1.QueryRequest`: which events a reader wants.
package struct QueryRequestMessage: TenantNaming, Sendable, Equatable {
    /// The tenant whose log is read; empty when the credential covers exactly one.
    package var tenant: String
    /// All conditions that must hold.
    package var filter: EventFilter
    /// In which order the events come.
    package var order: EventOrder
    /// How many events a page holds; from 1 to ``maxPageSize``.
    package var pageSize: Int
    /// `next_page_token` of the page before; empty for the first page.
    package var pageToken: [UInt8]
    /// Further tenants whose logs are read together with that of ``tenant``; at most ``TenantNames/maxCount``.
    package var moreTenants: [String]
    /// Whether all tenants are meant that the credential covers; none is named then.
    package var isOfAllTenants: Bool
    /// Whether all events that match are to be counted.
    package var count: EventCount?
    /// Which fields of the events are wanted.
    package var fields: EventFields

    /// The most paths that ``fields`` are named by.
    package static let maxPaths = 100
    /// The most events that one page holds.
    package static let maxPageSize = 1_000
    /// What a page size of 0 means.
    package static let defaultPageSize = 100

    /// A request for the first page of the newest events, where nothing else is given.
    package init(
        tenant: String = "", filter: EventFilter = EventFilter(), order: EventOrder = .newestFirst,
        pageSize: Int = QueryRequestMessage.defaultPageSize, pageToken: [UInt8] = [], moreTenants: [String] = [],
        isOfAllTenants: Bool = false, count: EventCount? = nil, fields: EventFields = .all
    ) {
        self.tenant = tenant
        self.filter = filter
        self.order = order
        self.pageSize = pageSize
        self.pageToken = pageToken
        self.moreTenants = moreTenants
        self.isOfAllTenants = isOfAllTenants
        self.count = count
        self.fields = fields
    }

    /// Reads an encoded request and checks all that the `.proto` file says about its fields.
    ///
    /// - Throws: ``MessageError`` that names the field.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self = try unsafe MessageArena.unpack(
            bytes, "QueryRequest", with: docket__v1__query_request__unpack
        ) { (request) throws(MessageError) in
            let pageSize = unsafe Int(request.pointee.page_size)
            guard pageSize <= Self.maxPageSize else {
                throw MessageError(
                    code: .outOfRange, field: "page_size",
                    message: "\(pageSize) exceeds \(Self.maxPageSize); ask for smaller pages")
            }
            let tenants = try unsafe TenantNames(
                request.pointee.tenant, more: request.pointee.more_tenants, count: request.pointee.n_more_tenants,
                areAll: request.pointee.all_tenants != 0)
            return unsafe QueryRequestMessage(
                tenant: tenants.tenant,
                filter: try request.pointee.filter.map { (filter) throws(MessageError) in
                    try unsafe EventFilter(filter.pointee)
                }
                    ?? EventFilter(),
                order: try Self.order(Int32(bitPattern: request.pointee.order.rawValue)),
                pageSize: pageSize == 0 ? Self.defaultPageSize : pageSize,
                pageToken: request.pointee.page_token.array, moreTenants: tenants.moreTenants,
                isOfAllTenants: tenants.isOfAllTenants,
                count: try Self.count(Int32(bitPattern: request.pointee.count.rawValue)),
                fields: try request.pointee.read_mask.map { (mask) throws(MessageError) in
                    try unsafe Self.fields(mask.pointee)
                } ?? .all)
        }
    }

    /// The encoded request.
    package func serialized() -> [UInt8] {
        unsafe MessageArena.pack(
            size: docket__v1__query_request__get_packed_size, pack: docket__v1__query_request__pack
        ) { arena in
            let request = unsafe arena.make(docket__v1__query_request__init)
            unsafe request.pointee.has_tenant = self.tenant.isEmpty ? 0 : 1
            unsafe request.pointee.tenant = arena.bytes(self.tenant.utf8)
            unsafe request.pointee.filter = self.filter == EventFilter() ? nil : self.filter.message(in: arena)
            unsafe request.pointee.has_order = 1
            unsafe request.pointee.order = Docket__V1__Order(rawValue: UInt32(bitPattern: self.order.rawValue))
            unsafe request.pointee.has_page_size = 1
            unsafe request.pointee.page_size = UInt32(clamping: self.pageSize)
            unsafe request.pointee.has_page_token = self.pageToken.isEmpty ? 0 : 1
            unsafe request.pointee.page_token = arena.bytes(self.pageToken)
            unsafe request.pointee.n_more_tenants = self.moreTenants.count
            unsafe request.pointee.more_tenants = arena.texts(self.moreTenants)
            unsafe request.pointee.has_all_tenants = self.isOfAllTenants ? 1 : 0
            unsafe request.pointee.all_tenants = self.isOfAllTenants ? 1 : 0
            unsafe request.pointee.has_count = self.count == nil ? 0 : 1
            unsafe request.pointee.count = Docket__V1__CountMode(rawValue: UInt32(self.count?.rawValue ?? 0))
            let paths = self.fields.paths
            if !paths.isEmpty {
                let mask = unsafe arena.make(google__protobuf__field_mask__init)
                unsafe mask.pointee.n_paths = paths.count
                unsafe mask.pointee.paths = arena.texts(paths)
                unsafe request.pointee.read_mask = mask
            }
            return unsafe request
        }
    }

    private static func fields(_ mask: Google__Protobuf__FieldMask) throws(MessageError) -> EventFields {
        let count = unsafe mask.n_paths
        guard count <= Self.maxPaths else {
            throw MessageError(
                code: .outOfRange, field: "read_mask",
                message:
                    "\(count) paths exceed \(Self.maxPaths); name whole messages, such as 'event.actor'"
            )
        }
        var fields = EventFields([])
        for index in 0..<count {
            let path = try unsafe mask.paths[index].text("read_mask")
            guard let named = EventFields(path: path) else {
                throw MessageError(
                    code: .outOfRange, field: "read_mask",
                    message: "'\(path)' is no field of a StoredEvent; ask for \(EventFields.allowed), or for 'event', "
                        + "'event.actor', 'event.resource' or 'event.payload' as a whole")
            }
            fields.formUnion(named)
        }
        return fields.isEmpty ? .all : fields
    }

    private static func count(_ number: Int32) throws(MessageError) -> EventCount? {
        if number == 0 { return nil }
        guard let count = EventCount(rawValue: number) else {
            throw MessageError(
                code: .outOfRange, field: "count",
                message: "\(number) is no way to count; send 1 (estimated) or 2 (exact)")
        }
        return count
    }

    private static func order(_ number: Int32) throws(MessageError) -> EventOrder {
        if number == 0 { return .newestFirst }
        guard let order = EventOrder(rawValue: number) else {
            throw MessageError(
                code: .outOfRange, field: "order",
                message: "\(number) is no order; send 1 (newest first) or 2 (oldest first)")
        }
        return order
    }
}
