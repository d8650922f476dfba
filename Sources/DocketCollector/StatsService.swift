internal import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRegistry
internal import DocketStore

/// `docket.v1.AuditLogService/Stats`: how many events tenants' logs hold, by a field of theirs and by time.
struct StatsService: Sendable {
    private let access: ReadAccess
    private let reader: any EventReader
    private let audit: ReadAudit

    init(access: ReadAccess, reader: any EventReader, audit: ReadAudit) {
        self.access = access
        self.reader = reader
        self.audit = audit
    }

    func stats(_ message: [UInt8], caller: Caller) async throws(GRPCStatus) -> [UInt8] {
        try await ReadAccess.answering("counting the events") {
            let request = try StatsRequestMessage(serialized: message)
            let reading = try self.access.reader(caller)
            let tenants = try reading.tenants(of: request)
            let starts = request.bucketStarts
            let found = try await self.reader.statistics(
                StatisticsQuery(
                    tenantIDs: tenants.map(\.id).sorted(), filter: request.filter, grouping: request.grouping,
                    maxGroups: request.groupLimit, bucketStarts: starts))
            try await self.audit.counted(
                found, by: request.grouping, filter: request.filter, of: tenants, by: reading)
            return StatsResponseMessage(
                groups: found.groups.map { Self.group($0) }, other: found.other.map { Self.group($0) },
                otherGroupCount: found.otherGroupCount, count: found.count, bucketStarts: starts
            ).serialized()
        }
    }

    private static func group(_ group: EventStatistics.Group) -> StatsResponseMessage.Group {
        StatsResponseMessage.Group(value: group.value, count: group.count, bucketCounts: group.bucketCounts)
    }
}
