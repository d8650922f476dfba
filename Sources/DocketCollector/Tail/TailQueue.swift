internal import DocketMessages
internal import DocketModel

/// What waits for one follower of a log: a bounded queue that counts what it can't take in.
///
/// Behind a gap nothing is taken in until half of the room is free again, so that a slow reader is told of few gaps and not of
/// every other event.
struct TailQueue {
    /// With more than that nothing further is taken in, in bytes.
    static let maxBytes = 8 * 1024 * 1024
    /// The same where all followers together hold much.
    static let crowdedBytes = 256 * 1024
    /// A message ends with the event that reaches this many bytes.
    static let messageBytes = 128 * 1024
    /// And has no more events.
    static let messageEvents = 1_000
    /// What an event takes beside its encoding, nearly.
    private static let eventBytes = 128

    private var parts: [TailResponseMessage] = []
    private var lastPartBytes = 0
    /// What the queue holds, in bytes, nearly.
    private(set) var bytes = 0
    /// How many events were left out behind the last part.
    private var missed: Int64 = 0
    /// How far the log has been looked at.
    private(set) var reached: LogPosition
    private var hasTold = false
    /// Whether all followers together hold much.
    var isCrowded = false

    /// - Parameter start: Where the stream begins.
    init(from start: LogPosition) { self.reached = start }

    /// Whether events would be counted as missed now.
    var isFull: Bool {
        let limit = self.isCrowded ? Self.crowdedBytes : Self.maxBytes
        return self.bytes >= (self.missed > 0 ? limit / 2 : limit)
    }

    /// Takes in what came next in the log.
    ///
    /// - Parameters:
    ///   - events: Those that match, in the log's order.
    ///   - missed: How many more match that nobody has looked into, since ``isFull`` was true.
    ///   - next: The place behind all that has been looked at.
    mutating func add(_ events: [StoredEventMessage], missed: Int = 0, next: LogPosition) {
        for event in events { self.add(event) }
        self.missed += Int64(missed)
        self.reached = max(self.reached, next)
        // Before a gap, the last message says where the gap begins.
        if self.missed == 0, !self.parts.isEmpty { self.parts[self.parts.count - 1].next = self.reached }
    }

    private mutating func add(_ event: StoredEventMessage) {
        guard !self.isFull else {
            self.missed += 1
            return
        }
        let isLastFull =
            self.lastPartBytes >= Self.messageBytes || (self.parts.last?.events.count ?? 0) >= Self.messageEvents
        if self.parts.isEmpty || self.missed > 0 || isLastFull {
            self.parts.append(TailResponseMessage(next: .start, missedCount: self.missed))
            (self.missed, self.lastPartBytes) = (0, 0)
        }
        self.parts[self.parts.count - 1].events.append(event)
        self.parts[self.parts.count - 1].next =
            LogPosition(
                logIndex: event.logIndex ?? 0, position: Int32(clamping: event.position)
            ).next
        self.lastPartBytes += event.sizeBytes
        self.bytes += self.weight(of: event)
    }

    /// What an event takes in the queue, in bytes, nearly.
    func weight(of event: StoredEventMessage) -> Int { event.sizeBytes + Self.eventBytes }

    /// The next message to send; `nil` when there is none. The first one comes at once, and says where the stream begins.
    ///
    /// - Parameter isBeat: Whether there is one that says how far the log has come, if nothing else.
    mutating func take(isBeat: Bool = false) -> TailResponseMessage? {
        guard self.parts.isEmpty else {
            let part = self.parts.removeFirst()
            self.bytes -= part.events.reduce(0) { $0 + self.weight(of: $1) }
            self.hasTold = true
            return part
        }
        guard self.missed > 0 || isBeat || !self.hasTold else { return nil }
        defer { (self.missed, self.hasTold) = (0, true) }
        return TailResponseMessage(next: self.reached, missedCount: self.missed)
    }
}
