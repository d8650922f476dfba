import DocketCodec

/// Batches that wait, of all tenants in turns: those of one tenant in the order that they came, and in a turn about so many bytes as
/// in another's. So what a tenant waits for doesn't grow with what the others have queued. A pure value.
struct TenantTurns: Sendable {
    typealias Entry = BatchQueue.Entry

    /// What a tenant gets in a turn while others wait, in bytes; with its last batch perhaps more.
    private static let turnBytes = 64 * 1024

    /// By the tenant's key; none is empty.
    private var lines: [Int32: BatchLine] = [:]
    /// The tenants that wait, in the order of their turns.
    private var turns: [Int32] = []
    /// How many batches wait.
    private(set) var count = 0
    /// How many bytes wait.
    private(set) var bytes = 0

    var isEmpty: Bool { self.count == 0 }

    mutating func append(_ entry: Entry) {
        let tenantID = entry.batch.key.tenantID
        self.lines[tenantID, default: BatchLine()].append(entry)
        if self.lines[tenantID]?.count == 1 { self.turns.append(tenantID) }
        self.count += 1
        self.bytes += entry.sizeBytes
    }

    /// Takes out what waits on behalf of a submitter.
    mutating func withdraw(_ submitter: Submitter) -> [Entry] {
        var withdrawn: [Entry] = []
        for tenantID in self.turns {
            withdrawn += self.lines[tenantID]?.remove { $0.submitter === submitter } ?? []
            if self.lines[tenantID]?.count == 0 { self.lines[tenantID] = nil }
        }
        self.turns.removeAll { self.lines[$0] == nil }
        self.discount(withdrawn)
        return withdrawn
    }

    /// Takes out what a group has room for. The first batch fits in any case.
    ///
    /// - Parameter claim: whether the batch of that key may go now. It isn't asked about what doesn't fit.
    mutating func takeGroup(maxBytes: Int, maxBatches: Int, claim: (BatchKey) -> Bool) -> [Entry] {
        var group: [Entry] = []
        var groupBytes = 0
        var isFull = false
        var waiting = self.turns[...]
        /// Those that have had a turn and still wait, in the order that they have had it.
        var later: [Int32] = []
        // Those with nothing more that may go now.
        var stuck: [Int32] = []
        while !isFull {
            guard let tenantID = waiting.popFirst() else {
                guard !later.isEmpty else { break }
                (waiting, later) = (later[...], [])
                continue
            }
            guard var line = self.lines.removeValue(forKey: tenantID) else { continue }
            let isAlone = waiting.isEmpty && later.isEmpty
            var turnBytes = 0
            line.beginTurn()
            while let entry = line.next, isAlone || turnBytes < Self.turnBytes {
                isFull = group.count >= maxBatches || (!group.isEmpty && groupBytes + entry.sizeBytes > maxBytes)
                if isFull { break }
                guard claim(entry.batch.key) else {
                    line.skip()
                    continue
                }
                line.take()
                group.append(entry)
                groupBytes += entry.sizeBytes
                turnBytes += entry.sizeBytes
            }
            let isStuck = line.next == nil
            line.endTurn()
            guard line.count > 0 else { continue }
            self.lines[tenantID] = line
            if isStuck { stuck.append(tenantID) } else { later.append(tenantID) }
        }
        self.turns = waiting + later + stuck
        self.discount(group)
        return group
    }

    private mutating func discount(_ entries: [Entry]) {
        self.count -= entries.count
        self.bytes -= entries.reduce(0) { $0 + $1.sizeBytes }
    }
}

/// One tenant's batches, oldest first: taken from the front, some of them left there for a later turn.
private struct BatchLine: Sendable {
    /// What is gone is `nil`, so that it isn't kept in memory.
    private var entries: [BatchQueue.Entry?] = []
    /// Where the oldest one is.
    private var head = 0
    /// Where the turn under way is.
    private var cursor = 0
    private var skipped: [BatchQueue.Entry] = []

    var count: Int { self.entries.count - self.head }
    /// What the turn comes to now.
    var next: BatchQueue.Entry? { self.cursor < self.entries.count ? self.entries[self.cursor] : nil }

    mutating func append(_ entry: BatchQueue.Entry) { self.entries.append(entry) }

    mutating func beginTurn() { self.cursor = self.head }

    mutating func take() {
        self.entries[self.cursor] = nil
        self.cursor += 1
    }

    mutating func skip() {
        if let entry = self.next { self.skipped.append(entry) }
        self.take()
    }

    /// Puts what was skipped back to the front.
    mutating func endTurn() {
        self.head = self.cursor - self.skipped.count
        for (index, entry) in self.skipped.enumerated() { self.entries[self.head + index] = entry }
        self.skipped = []
        if self.head > self.entries.count / 2 {
            self.entries.removeFirst(self.head)
            self.head = 0
        }
    }

    mutating func remove(where isGone: (BatchQueue.Entry) -> Bool) -> [BatchQueue.Entry] {
        let all = self.entries[self.head...].compactMap { $0 }
        self.entries = all.filter { !isGone($0) }
        self.head = 0
        return all.filter(isGone)
    }
}
