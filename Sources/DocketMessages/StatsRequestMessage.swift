import CDocketProtos
import CProtobufC
package import DocketModel

/// A `docket.v1.StatsRequest`: which events are counted, and by what.
package struct StatsRequestMessage: TenantNaming, Sendable, Equatable {
    package var tenant: String
    package var moreTenants: [String]
    package var isOfAllTenants: Bool
    /// All conditions that must hold.
    package var filter: EventFilter
    package var grouping: EventGrouping
    /// How many groups are told apart, from 1 to ``EventGrouping/maxGroups``.
    package var groupLimit: Int
    /// The parts of the time; `nil` when it isn't divided.
    package var buckets: TimeBuckets?

    /// What a number of groups of 0 means.
    package static let defaultGroups = 20

    /// A request for all events by type, where nothing else is given.
    package init(
        tenant: String = "", moreTenants: [String] = [], isOfAllTenants: Bool = false,
        filter: EventFilter = EventFilter(), grouping: EventGrouping = .type,
        groupLimit: Int = StatsRequestMessage.defaultGroups, buckets: TimeBuckets? = nil
    ) {
        self.tenant = tenant
        self.moreTenants = moreTenants
        self.isOfAllTenants = isOfAllTenants
        self.filter = filter
        self.grouping = grouping
        self.groupLimit = groupLimit
        self.buckets = buckets
    }

    /// Where each part of the time begins; empty when it isn't divided.
    package var bucketStarts: [Timestamp] {
        self.buckets?.starts(
            from: self.filter.occurredFrom ?? .earliest, to: self.filter.occurredTo ?? .latest) ?? []
    }

    /// Reads an encoded request and checks all that the `.proto` file says about its fields.
    ///
    /// - Throws: ``MessageError`` that names the field.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self = try unsafe MessageArena.unpack(
            bytes, "StatsRequest", with: docket__v1__stats_request__unpack
        ) { (request) throws(MessageError) in
            let groups = unsafe Int(request.pointee.max_groups)
            guard groups <= EventGrouping.maxGroups else {
                throw MessageError(
                    code: .outOfRange, field: "max_groups",
                    message:
                        "\(groups) groups exceed \(EventGrouping.maxGroups); ask for fewer, the rest is counted together"
                )
            }
            let tenants = try unsafe TenantNames(
                request.pointee.tenant, more: request.pointee.more_tenants, count: request.pointee.n_more_tenants,
                areAll: request.pointee.all_tenants != 0)
            var read = StatsRequestMessage(
                tenant: tenants.tenant, moreTenants: tenants.moreTenants, isOfAllTenants: tenants.isOfAllTenants,
                grouping: try Self.grouping(Int32(bitPattern: unsafe request.pointee.group_by.rawValue)),
                groupLimit: groups == 0 ? Self.defaultGroups : groups)
            if let filter = unsafe request.pointee.filter { read.filter = try unsafe EventFilter(filter.pointee) }
            read.buckets = try unsafe Self.buckets(request.pointee)
            try read.checkBuckets()
            return read
        }
    }

    /// The encoded request.
    package func serialized() -> [UInt8] {
        unsafe MessageArena.pack(
            size: docket__v1__stats_request__get_packed_size, pack: docket__v1__stats_request__pack
        ) { arena in
            let request = unsafe arena.make(docket__v1__stats_request__init)
            unsafe request.pointee.has_tenant = self.tenant.isEmpty ? 0 : 1
            unsafe request.pointee.tenant = arena.bytes(self.tenant.utf8)
            unsafe request.pointee.n_more_tenants = self.moreTenants.count
            unsafe request.pointee.more_tenants = arena.texts(self.moreTenants)
            unsafe request.pointee.has_all_tenants = self.isOfAllTenants ? 1 : 0
            unsafe request.pointee.all_tenants = self.isOfAllTenants ? 1 : 0
            unsafe request.pointee.filter = self.filter == EventFilter() ? nil : self.filter.message(in: arena)
            unsafe request.pointee.has_group_by = 1
            unsafe request.pointee.group_by = Docket__V1__GroupBy(
                rawValue: UInt32(bitPattern: self.grouping.number))
            unsafe request.pointee.has_max_groups = 1
            unsafe request.pointee.max_groups = UInt32(clamping: self.groupLimit)
            switch self.buckets {
            case .width(let width)?:
                unsafe request.pointee.has_bucket_us = 1
                unsafe request.pointee.bucket_us = width
            case .starts(let starts)?:
                unsafe request.pointee.n_bucket_starts_us = starts.count
                unsafe request.pointee.bucket_starts_us = arena.numbers(starts.map(\.microsecondsSinceEpoch))
            case nil: break
            }
            return unsafe request
        }
    }

    private static func grouping(_ number: Int32) throws(MessageError) -> EventGrouping {
        if number == 0 { return .type }
        guard let grouping = EventGrouping(number: number) else {
            let last = EventGrouping.allCases.count
            throw MessageError(
                code: .outOfRange, field: "group_by",
                message: "\(number) is nothing that events are counted by; send 1 (type) to \(last) (resource type)")
        }
        return grouping
    }

    private static func buckets(_ request: Docket__V1__StatsRequest) throws(MessageError) -> TimeBuckets? {
        let count = unsafe request.n_bucket_starts_us
        let hasWidth = unsafe request.has_bucket_us != 0
        guard !hasWidth || count == 0 else {
            throw MessageError(
                code: .outOfRange, field: "bucket_us",
                message: "buckets are given by their width and by where they begin; leave one of both out")
        }
        if hasWidth { return .width(microseconds: unsafe request.bucket_us) }
        guard count > 0 else { return nil }
        guard count <= TimeBuckets.maxCount else { throw Self.tooMany(Int64(count), "bucket_starts_us") }
        let starts = (0..<count).map { Timestamp(microsecondsSinceEpoch: unsafe request.bucket_starts_us[$0]) }
        for (start, next) in zip(starts, starts.dropFirst()) where start >= next {
            throw MessageError(
                code: .outOfRange, field: "bucket_starts_us",
                message: "\(next.microsecondsSinceEpoch) follows \(start.microsecondsSinceEpoch); send them rising")
        }
        guard let first = starts.first, let last = starts.last, first >= .earliest, last <= .latest else {
            throw MessageError(
                code: .outOfRange, field: "bucket_starts_us",
                message: "a bucket begins outside of years 1 to 9999; send microseconds since 1970-01-01T00:00:00Z")
        }
        return .starts(starts)
    }

    /// Every event must lie in a bucket, and there must not be too many of them.
    private func checkBuckets() throws(MessageError) {
        guard let buckets = self.buckets else { return }
        let field: String
        let (from, to) = (self.filter.occurredFrom, self.filter.occurredTo)
        switch buckets {
        case .width(let width):
            field = "bucket_us"
            guard width > 0 else {
                throw MessageError(
                    code: .outOfRange, field: field, message: "\(width) is no width; send 1 microsecond or more")
            }
            guard from != nil, to != nil else {
                throw MessageError(
                    code: .outOfRange, field: field,
                    message: "buckets of a width need a range; send filter.occurred_from_us and filter.occurred_to_us")
            }
        case .starts(let starts):
            field = "bucket_starts_us"
            guard let from, let first = starts.first, from >= first else {
                throw MessageError(
                    code: .outOfRange, field: field,
                    message:
                        "events before the first bucket would be in none; send filter.occurred_from_us, not before it")
            }
        }
        let count = buckets.count(from: from ?? .earliest, to: to ?? .latest)
        guard count <= TimeBuckets.maxCount else { throw Self.tooMany(count, field) }
        guard self.groupLimit * Int(count) <= TimeBuckets.maxCells else {
            throw MessageError(
                code: .outOfRange, field: "max_groups",
                message:
                    "\(self.groupLimit) groups in \(count) buckets exceed \(TimeBuckets.maxCells) counts; ask for fewer "
                    + "groups, a shorter range, or wider buckets")
        }
    }

    private static func tooMany(_ count: Int64, _ field: String) -> MessageError {
        MessageError(
            code: .outOfRange, field: field,
            message: "\(count) buckets exceed \(TimeBuckets.maxCount); ask for a shorter range, or wider buckets")
    }
}
