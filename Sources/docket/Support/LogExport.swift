import DocketMessages
import DocketModel

/// Reads a part of the log from a collector, in the log's order, and goes on by itself where a connection breaks off.
struct LogExport {
    /// What was read.
    struct Result {
        var tenant: String
        var from: Int64
        var end: Int64
    }

    let profile: Profile
    let filter: EventFilter
    let from: Int64
    let end: Int64?

    /// Calls `body` with the events of each message, each event once.
    func run(_ body: ([StoredEvent]) throws -> Void) async throws -> Result {
        var request = ExportRequestMessage(
            filter: self.filter, from: LogPosition(logIndex: self.from, position: 0), endLogIndex: self.end)
        var resuming = ResumedReading(profile: self.profile)
        return try await resuming.run { reader, hasRead in
            let summary = try await reader.export(request) { events, next in
                try body(events)
                request.from = next
                hasRead()
            }
            return Result(tenant: summary.tenant, from: self.from, end: summary.endLogIndex)
        }
    }
}
