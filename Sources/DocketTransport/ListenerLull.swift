/// Whether a listening socket that is about to close has handed over all connections: what waits in the kernel's queue when it
/// closes is reset, with the requests that were sent on it.
///
/// A pure value; the listener's event loop looks again and again, and sees to its sockets in between.
struct ListenerLull: Equatable {
    /// How far apart looks are.
    static let interval = Duration.milliseconds(1)
    /// How many looks there are at the most, where connections never cease.
    static let maxLooks = 1_000

    private var looks = 0

    /// Whether to close now.
    ///
    /// - Parameters:
    ///   - isQueueEmpty: whether no connection waits in the kernel's queue.
    ///   - arriving: how many of those that were accepted are on their way to their event loops: they end with the socket.
    mutating func look(isQueueEmpty: Bool, arriving: Int) -> Bool {
        self.looks += 1
        return isQueueEmpty && arriving == 0 || self.looks >= Self.maxLooks
    }
}
