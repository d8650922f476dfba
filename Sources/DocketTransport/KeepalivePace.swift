import Synchronization

/// After how long a silence a client asks by a PING whether its server is still there. Its connections share one, since a server that
/// finds PINGs too frequent says so by ending the connection (gRPC A8).
package final class KeepalivePace: Sendable {
    /// However often a server complains, in nanoseconds: an hour.
    private static let longest: Int64 = 3_600_000_000_000

    private let nanoseconds: Atomic<Int64>

    /// - Parameter interval: the silence at first; more than nothing.
    package init(interval: Duration) {
        precondition(interval > .zero, "an interval of \(interval) would be a flood of PINGs")
        self.nanoseconds = Atomic(Self.nanoseconds(of: interval))
    }

    /// The silence for now.
    package var interval: Duration { .nanoseconds(self.nanoseconds.load(ordering: .relaxed)) }

    /// Takes note that a server has found PINGs too frequent after this silence: it is twice as long from now on, once for all
    /// connections that hear the same.
    package func slowDown(from interval: Duration) {
        let nanoseconds = Self.nanoseconds(of: interval)
        guard nanoseconds < Self.longest else { return }
        _ = self.nanoseconds.compareExchange(
            expected: nanoseconds, desired: min(2 * nanoseconds, Self.longest), ordering: .relaxed)
    }

    private static func nanoseconds(of interval: Duration) -> Int64 {
        let (seconds, attoseconds) = min(interval, .seconds(86_400)).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
