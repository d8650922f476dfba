import DocketPostgres
import Logging
import ServiceLifecycle

/// The work that one collector of a database does for all: segments, the log, retention.
struct MaintenanceService: Service {
    let conninfo: String
    let nextBatchID: @Sendable () -> Int64?
    let logger: Logger

    func run() async throws {
        guard !self.conninfo.isEmpty else {
            self.logger.notice(
                "postgres.maintainer is not set: another collector must take care of segments, the log and retention")
            try? await gracefulShutdown()
            return
        }
        let settings = ConnectionSettings(conninfo: self.conninfo, applicationName: "docket-maintainer")
        try settings.validate()
        let maintenance = try Maintenance(settings: settings, nextBatchID: self.nextBatchID, logger: self.logger)
        try? await gracefulShutdown()
        await maintenance.stop()
    }
}
