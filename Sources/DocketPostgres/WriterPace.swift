/// How much a writer holds back so that the sealing of full segments keeps up: the leader says so in
/// `docket.store_state`, and each writer reads it between two groups, a few times a second.
struct WriterPace {
    /// How long a pressure that was read counts.
    private static let readInterval: Duration = .milliseconds(250)
    /// How long a writer under full pressure waits until it asks again.
    private static let holdInterval: Duration = .milliseconds(50)
    private static let longestPause: Duration = .seconds(1)

    private var pressure = 0.0
    private var readAt: ContinuousClock.Instant?
    private var lastCommit: Duration = .zero

    /// Takes note of how long a group took.
    mutating func committed(in duration: Duration) { self.lastCommit = duration }

    /// Waits as long as the pressure asks for, but not while the store is being drained.
    mutating func wait(_ shared: WriterShared, _ link: inout WriterLink) {
        while !shared.isDraining {
            self.read(&link)
            guard self.pressure >= 1 else { break }
            shared.pause(for: Self.holdInterval)
        }
        let pause = Self.pause(after: self.lastCommit, pressure: self.pressure)
        if pause > .zero { shared.pause(for: pause) }
        self.lastCommit = .zero
    }

    /// The pause after a commit that makes the waiting the asked share of the time.
    static func pause(after commit: Duration, pressure: Double) -> Duration {
        guard pressure > 0, pressure < 1 else { return .zero }
        return min(commit * (pressure / (1 - pressure)), self.longestPause)
    }

    /// Without a connection, or when it fails, the next group will find out why.
    private mutating func read(_ link: inout WriterLink) {
        let now = ContinuousClock.now
        if let readAt = self.readAt, now - readAt < Self.readInterval { return }
        self.readAt = now
        let sql = """
            SELECT (CASE WHEN changed_at > clock_timestamp() - interval '15 seconds' THEN pressure ELSE 0 END * 1000)::int4
            FROM docket.store_state
            """
        self.pressure = 0
        guard let connection = link.idleConnection, let rows = try? connection.query(sql) else { return }
        self.pressure = Double((try? rows.integer(0, 0, as: Int32.self)) ?? 0) / 1000
    }
}
