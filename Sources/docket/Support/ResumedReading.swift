import DocketClient
import DocketGRPC

/// Reads a log by one call after the other: where one breaks off, the next one goes on.
struct ResumedReading {
    /// How often in a row it goes on without having got any further.
    private static let maxAttempts = 8

    let profile: Profile
    /// Whether it goes on for ever once something has been read, rather than giving up after some attempts.
    var isPersistent = false
    /// Told when a call has broken off and the next one is to go on.
    var onInterruption: (_ message: String) -> Void = { _ in }
    private var failures = 0
    private var hasRead = false

    init(
        profile: Profile, isPersistent: Bool = false, onInterruption: @escaping (_ message: String) -> Void = { _ in }
    ) {
        self.profile = profile
        self.isPersistent = isPersistent
        self.onInterruption = onInterruption
    }

    /// Calls `body` with a connection, until it returns.
    ///
    /// - Parameter body: One call from where the one before broke off. It is to say whenever it has got further.
    /// - Throws: ``CommandError`` when that can't go on.
    mutating func run<Result>(
        _ body: (_ reader: AuditLogReader, _ hasRead: () -> Void) async throws -> Result
    ) async throws -> Result {
        while true {
            do {
                let reader = try await AuditLogReader(self.profile)
                defer { reader.abandon() }
                return try await body(reader) { (self.failures, self.hasRead) = (0, true) }
            } catch let status as GRPCStatus where status.isOfTheMoment && self.mayGoOn {
                try await self.pause(status.message)
            } catch let error as CommandError where error.exitCode == .unavailable && self.mayGoOn {
                // A collector that isn't reached at first is more likely named wrongly than away.
                guard self.hasRead || self.failures > 0 else { throw error }
                try await self.pause(error.message)
            } catch let status as GRPCStatus {
                throw CommandError(ClientError(status: status))
            }
        }
    }

    private var mayGoOn: Bool { self.failures < Self.maxAttempts || (self.isPersistent && self.hasRead) }

    private mutating func pause(_ message: String) async throws {
        self.failures += 1
        self.onInterruption(message)
        try await Task.sleep(for: .milliseconds(100 << min(self.failures, 6)))
    }
}

extension GRPCStatus {
    /// Whether the same call may succeed soon.
    fileprivate var isOfTheMoment: Bool {
        self.code == .unavailable || self.code == .resourceExhausted && self.retryPushbackMilliseconds != nil
    }
}
