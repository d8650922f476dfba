/// A batch in a tenant's log, as far as reading its events asks for.
struct LogEntry: Equatable {
    let logIndex: Int64
    let batchID: Int64
    /// How many events were stored.
    let acceptedCount: Int32
    /// `nil` in entries of before segments were noted.
    let segmentID: Int32?
}

/// The entries of a log that one page reads: the first ones, as many as one statement can read well.
struct LogSlice: Equatable {
    /// Where the events lie.
    enum Place: Equatable {
        /// In segments with all their indexes.
        case indexed([Int32])
        /// In one segment without.
        case heap(Int32)
        /// In any.
        case unknown
    }

    let entries: [LogEntry]
    let place: Place

    /// - Parameters:
    ///   - entries: In the order of the log. Those whose segment is gone have no events any more, and are passed over.
    ///   - isIndexed: Of each segment that there is: whether its indexes are complete.
    ///   - maxEvents: How many events the entries may have in all; a first one with more comes alone.
    /// - Returns: `nil` when there is nothing to read.
    init?(_ entries: [LogEntry], isIndexed: [Int32: Bool], maxEvents: Int) {
        var taken: [LogEntry] = []
        var segments: Set<Int32> = []
        var place: Place?
        var events = 0
        for entry in entries {
            let here: Place
            switch entry.segmentID {
            case let id?:
                guard let isIndexed = isIndexed[id] else { continue }
                here = isIndexed ? .indexed([]) : .heap(id)
            case nil: here = .unknown
            }
            guard place == nil || place == here, taken.isEmpty || events + Int(entry.acceptedCount) <= maxEvents else {
                break
            }
            place = here
            events += Int(entry.acceptedCount)
            if let id = entry.segmentID { segments.insert(id) }
            taken.append(entry)
        }
        guard let place else { return nil }
        self.entries = taken
        self.place = if case .indexed = place { .indexed(segments.sorted()) } else { place }
    }

    /// How many events the entries have.
    var eventCount: Int64 { self.entries.reduce(0) { $0 + Int64($1.acceptedCount) } }
}
