import NIOCore

/// How long a server keeps a connection, how it finds out that a client is gone, and how often clients may ping (gRPC, A8 and A9:
/// https://github.com/grpc/proposal).
package struct ConnectionLifeLimits: Sendable, Hashable {
    /// After how long a silence of the client a PING asks whether it is still there; `nil`: never.
    package var keepaliveInterval: Duration? = .seconds(60)
    /// How long the answer may take before the connection is closed.
    package var keepaliveTimeout = Duration.seconds(20)
    /// How far apart a client's PINGs have to be while it is sent nothing.
    package var minPingInterval = Duration.seconds(10)
    /// How many PINGs that came too soon are overlooked until the client is sent something.
    package var maxPingStrikes = 2
    /// How long a connection may be without a call; `nil`: for ever.
    package var maxIdle: Duration?
    /// How old a connection may become, more or less a tenth, so that those of one moment don't end in one; `nil`: as old as
    /// it likes.
    package var maxAge: Duration?
    /// How long the calls of a connection that has become too old, or idle, may still take.
    package var maxAgeGrace = Duration.seconds(30)

    /// The documented defaults.
    package init() {}
}

/// The life of a server's connection: when to ping, when to say that it is over, when to close. A pure value; the connection feeds
/// it with what happens, and looks again at ``nextLook``.
struct ConnectionLife: Equatable {
    /// What is to be done.
    enum Action: Equatable {
        case ping
        /// Begin the graceful end: no new calls, and close when those under way are done.
        case drain
        /// Close with GOAWAY and ENHANCE_YOUR_CALM.
        case tooManyPings
        case close(CloseReason)
    }

    enum CloseReason: String, Equatable {
        /// The client didn't answer a PING.
        case keepalive
        /// Its calls were not done in time after the graceful end had begun.
        case grace
    }

    private let limits: ConnectionLifeLimits
    private let oldAt: NIODeadline?
    private var idleSince: NIODeadline?
    private var heardAt: NIODeadline
    private var pingedAt: NIODeadline?
    private var drainingSince: NIODeadline?
    /// Whether its end is settled.
    private var hasEnd = false
    private var lastClientPing: NIODeadline?
    private var strikes = 0

    /// - Parameters:
    ///   - now: when the connection began to serve.
    ///   - jitter: from -1 to 1: where in the tenth the age lies.
    init(limits: ConnectionLifeLimits, now: NIODeadline, jitter: Double) {
        self.limits = limits
        self.oldAt = limits.maxAge.flatMap { now.advanced(by: $0 * (1 + jitter / 10)) }
        self.idleSince = now
        self.heardAt = now
    }

    // MARK: What happens

    /// Bytes have come.
    mutating func heard(at now: NIODeadline) {
        self.heardAt = now
        self.pingedAt = nil
    }

    /// The client was sent headers or a message: its PINGs may come freely again.
    mutating func sent() {
        self.strikes = 0
        self.lastClientPing = nil
    }

    /// The client has sent a PING.
    mutating func pinged(at now: NIODeadline) -> Action? {
        defer { self.lastClientPing = now }
        guard let last = self.lastClientPing, let allowed = last.advanced(by: self.limits.minPingInterval),
            now < allowed
        else { return nil }
        self.strikes += 1
        return self.strikes > self.limits.maxPingStrikes ? .tooManyPings : nil
    }

    /// So many calls are open now.
    mutating func changed(openCalls: Int, at now: NIODeadline) {
        if openCalls > 0 {
            self.idleSince = nil
        } else if self.idleSince == nil {
            self.idleSince = now
        }
    }

    /// The graceful end has begun for another reason, which has a grace of its own.
    mutating func drains() { self.hasEnd = true }

    // MARK: What is due

    /// What is due now. Look again at ``nextLook``.
    mutating func look(at now: NIODeadline) -> Action? {
        if let deadline = self.keepaliveDeadline, deadline <= now { return .close(.keepalive) }
        if let deadline = self.graceDeadline, deadline <= now { return .close(.grace) }
        if let deadline = self.endDeadline, deadline <= now {
            self.drainingSince = now
            self.hasEnd = true
            return .drain
        }
        if let deadline = self.pingDeadline, deadline <= now {
            self.pingedAt = now
            return .ping
        }
        return nil
    }

    /// When to look again; `nil` when nothing is due unless something happens.
    var nextLook: NIODeadline? {
        [self.keepaliveDeadline, self.graceDeadline, self.endDeadline, self.pingDeadline].compactMap { $0 }.min()
    }

    private var keepaliveDeadline: NIODeadline? {
        self.pingedAt.flatMap { $0.advanced(by: self.limits.keepaliveTimeout) }
    }

    private var graceDeadline: NIODeadline? {
        self.drainingSince.flatMap { $0.advanced(by: self.limits.maxAgeGrace) }
    }

    private var endDeadline: NIODeadline? {
        guard !self.hasEnd else { return nil }
        let idle = self.idleSince.flatMap { since in self.limits.maxIdle.flatMap { since.advanced(by: $0) } }
        return [idle, self.oldAt].compactMap { $0 }.min()
    }

    private var pingDeadline: NIODeadline? {
        guard self.pingedAt == nil else { return nil }
        return self.limits.keepaliveInterval.flatMap { self.heardAt.advanced(by: $0) }
    }
}
