import DocketModel
import DocketStore

/// A segment of the log, as far as its times are known.
struct SegmentSpan: Equatable {
    /// `segment_id` of its rows.
    let id: Int32
    /// From the earliest to the latest `occurred_at` in it; `nil` while rows are still added to it.
    let times: ClosedRange<Timestamp>?
    /// Whether its indexes are complete.
    let isIndexed: Bool
}

/// Which segments a page is read from, in which order, and when the page needs no more of them.
///
/// PostgreSQL plans a statement in time proportional to the partitions it may touch. So a page names few at once,
/// those that hold its first events before the others, and mostly never gets to the others. Segments of unknown times, to which
/// rows are still added, are always read: first where the page begins behind all known times, otherwise last, when the page's
/// rows bound what of them is wanted. A segment without indexes comes alone: it is read block by block (``HeapReading``), and
/// the others by taking the first rows from their indexes.
struct SegmentWalk {
    /// Segments that are read together: at least one.
    struct Group: Equatable {
        let ids: [Int32]
        let isIndexed: Bool
    }

    /// The most segments in one group: enough that a query which finds little reads 500 segments in 35 statements, few
    /// enough that planning one costs a few milliseconds.
    static let maxGroupCount = 16

    private let order: EventOrder
    /// How many segments with indexes are read next. Whoever has many events in each is found enough of in the first, which
    /// would be read in vain in the others: an index on anything but the time gives all that a segment has.
    private var groupCount: Int
    /// Those that are left, the first to be read in front.
    private var remaining: ArraySlice<SegmentSpan>

    /// - Parameter segments: All that have rows, in any order.
    init(_ segments: [SegmentSpan], for query: EventQuery) {
        self.order = query.order
        self.groupCount = query.filter.namesFewEvents ? Self.maxGroupCount : 1
        let matching = segments.filter { Self.canMatch($0, query) }
        let known = matching.filter { $0.times != nil }.sorted { Self.isRead($0, before: $1, query.order) }
        let unknown = matching.filter { $0.times == nil }.sorted { $0.id > $1.id }
        let isFirst = Self.areNewestWanted(query, segments)
        self.remaining = (isFirst ? unknown + known : known + unknown)[...]
    }

    /// The segments that are read next, one without indexes or several with; `nil` when the page needs none any more.
    ///
    /// - Parameter last: The last row of a page that is full: only what comes before it is still wanted. `nil` for a
    ///   page that has room left.
    mutating func next(upTo last: PageCursor?) -> Group? {
        let rest = self.remaining.drop { !Self.mayPrecede(last, $0, self.order) }
        guard let first = rest.first else { return nil }
        let wanted = rest.prefix(first.isIndexed ? self.groupCount : 1).prefix { segment in
            segment.isIndexed == first.isIndexed && (segment.times == nil) == (first.times == nil)
                && Self.mayPrecede(last, segment, self.order)
        }
        self.remaining = self.remaining[wanted.endIndex...]
        if first.isIndexed { self.groupCount = min(self.groupCount * 2, Self.maxGroupCount) }
        return Group(ids: wanted.map(\.id), isIndexed: first.isIndexed)
    }

    private static func canMatch(_ segment: SegmentSpan, _ query: EventQuery) -> Bool {
        guard let times = segment.times else { return true }
        if let from = query.filter.occurredFrom, times.upperBound < from { return false }
        if let to = query.filter.occurredTo, times.lowerBound > to { return false }
        guard let after = query.after else { return true }
        // Other events of the cursor's very moment may come behind it.
        return query.order == .newestFirst
            ? times.lowerBound <= after.occurredAt : times.upperBound >= after.occurredAt
    }

    /// Whether the segment may hold an event that comes before the row, or of the same moment.
    private static func mayPrecede(_ last: PageCursor?, _ segment: SegmentSpan, _ order: EventOrder) -> Bool {
        guard let last, let times = segment.times else { return true }
        return order == .newestFirst
            ? times.upperBound >= last.occurredAt : times.lowerBound <= last.occurredAt
    }

    /// Whether the page begins among the newest times that are known, or behind them: in segments that are still written to, most
    /// likely. Otherwise the others fill it, and what is left to be read of these is between two times. Going by where the newest
    /// segment begins, it can't be misled by one event with a time to come.
    private static func areNewestWanted(_ query: EventQuery, _ segments: [SegmentSpan]) -> Bool {
        guard query.order == .newestFirst else { return false }
        let bounds = [query.after?.occurredAt, query.filter.occurredTo].compactMap { $0 }
        guard let bound = bounds.min(), let last = segments.compactMap(\.times?.lowerBound).max() else { return true }
        return bound >= last
    }

    private static func isRead(_ one: SegmentSpan, before other: SegmentSpan, _ order: EventOrder) -> Bool {
        guard let times = one.times, let others = other.times else { return false }
        return order == .newestFirst
            ? (times.upperBound, one.id) > (others.upperBound, other.id)
            : (times.lowerBound, one.id) < (others.lowerBound, other.id)
    }
}
