import NIOCore

/// Whether a connection's peer has lately asked for what it was refused. Refusing costs an event loop as much as serving, and whoever
/// is served shouldn't wait for it: what such a peer sends next has time. One refusal is forgotten at once, a stream of them isn't. A
/// pure value.
struct PeerConduct {
    /// How long one refusal counts.
    static let refusalTime = TimeAmount.milliseconds(10)
    /// How long many of them count, at most.
    static let maxTime = TimeAmount.seconds(1)

    private var refusedUntil = NIODeadline.uptimeNanoseconds(0)

    /// Takes note of a refusal.
    mutating func refused(at now: NIODeadline) {
        self.refusedUntil = min(max(self.refusedUntil, now) + Self.refusalTime, now + Self.maxTime)
    }

    /// Whether refusals still count.
    func isRefused(at now: NIODeadline) -> Bool { now < self.refusedUntil }
}
