import DocketClient
import DocketGRPC
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

    /// How often in a row it goes on without having got any further.
    private static let maxAttempts = 8

    let profile: Profile
    let filter: EventFilter
    let from: Int64
    let end: Int64?

    /// Calls `body` with the events of each message, each event once.
    func run(_ body: ([StoredEvent]) throws -> Void) async throws -> Result {
        var request = ExportRequestMessage(
            filter: self.filter, from: LogPosition(logIndex: self.from, position: 0), endLogIndex: self.end)
        var failures = 0
        while true {
            do {
                let reader = try await AuditLogReader(self.profile)
                defer { reader.abandon() }
                let summary = try await reader.export(request) { events, next in
                    try body(events)
                    request.from = next
                    failures = 0
                }
                return Result(tenant: summary.tenant, from: self.from, end: summary.endLogIndex)
            } catch let status as GRPCStatus where status.code == .unavailable && failures < Self.maxAttempts {
                failures += 1
                try await Task.sleep(for: Self.pause(before: failures))
            } catch let error as CommandError where error.exitCode == .unavailable && failures < Self.maxAttempts {
                // A collector that isn't reached at first is more likely named wrongly than away.
                guard request.from.logIndex > self.from || failures > 0 else { throw error }
                failures += 1
                try await Task.sleep(for: Self.pause(before: failures))
            } catch let status as GRPCStatus {
                throw CommandError(ClientError(status: status))
            }
        }
    }

    private static func pause(before attempt: Int) -> Duration { .milliseconds(100 << min(attempt, 6)) }
}
