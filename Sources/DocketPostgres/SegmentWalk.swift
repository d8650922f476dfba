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
///
/// No index but the tenant's has the times in it. So what matches in a segment is all fetched and sorted, and of a busy actor's
/// events most of that is in vain: the first segments are read in parts, of times that grow as long as the page isn't full.
struct SegmentWalk {
    /// Segments that are read together: at least one.
    struct Group: Equatable {
        let ids: [Int32]
        let isIndexed: Bool
        /// Which part of its one segment it is; `nil` for all of what it names.
        var times: ClosedRange<Timestamp>?
    }

    /// How much of the walk there will be.
    enum Purpose {
        /// Until a page is full, mostly with the first groups.
        case page
        /// All of it.
        case whole
    }

    /// The most segments in one group: enough that a query which finds little reads 500 segments in some 35 statements, few
    /// enough that planning one costs a few milliseconds.
    static let maxGroupCount = 16
    /// The smallest part is one of so many that a segment would have.
    static let leastPartCount: Int64 = 8
    /// How many times as long each further part may be.
    static let partGrowth: Int64 = 4

    private let order: EventOrder
    /// How many segments with indexes are read next. Whoever has many events in each is found enough of in the first, which
    /// would be read in vain in the others.
    private var groupCount: Int
    /// Those that are left, the first to be read in front.
    private var remaining: ArraySlice<SegmentSpan>
    /// The times that the page's events have, where segments are read in parts; `nil` where they aren't.
    private let divided: ClosedRange<Timestamp>?
    /// How long the next part is.
    private var partMicroseconds: Int64 = 0
    /// What is left of a segment of which parts have been read.
    private var rest: Part?

    private struct Part {
        let id: Int32
        let times: ClosedRange<Timestamp>

        var microseconds: Int64 {
            self.times.upperBound.microsecondsSinceEpoch - self.times.lowerBound.microsecondsSinceEpoch
        }
    }

    /// - Parameter segments: All that have rows, in any order.
    init(_ segments: [SegmentSpan], for query: EventQuery, purpose: Purpose = .page) {
        let isBusy = purpose == .page && !query.filter.namesFewEvents
        self.order = query.order
        self.groupCount = isBusy ? 1 : Self.maxGroupCount
        self.divided = isBusy && !query.isInTenantIndexOrder ? Self.times(of: query) : nil
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
        if let rest = self.rest {
            self.rest = nil
            if Self.mayPrecede(last, rest.times, self.order) { return self.next(of: rest) }
        }
        let left = self.remaining.drop { !Self.mayPrecede(last, $0.times, self.order) }
        guard let first = left.first else { return nil }
        if let (part, isLong, least) = self.part(of: first) {
            self.partMicroseconds = max(self.partMicroseconds, least)
            if isLong {
                self.remaining = left.dropFirst()
                return self.next(of: part)
            }
            self.growParts(behind: part)
        }
        let wanted = left.prefix(first.isIndexed ? self.groupCount : 1).prefix { segment in
            segment.isIndexed == first.isIndexed && (segment.times == nil) == (first.times == nil)
                && Self.mayPrecede(last, segment.times, self.order)
                && (segment.id == first.id || self.part(of: segment)?.isLong != true)
        }
        self.remaining = self.remaining[wanted.endIndex...]
        if first.isIndexed { self.groupCount = min(self.groupCount * 2, Self.maxGroupCount) }
        return Group(ids: wanted.map(\.id), isIndexed: first.isIndexed)
    }

    /// What the page wants of a segment, whether that is read in parts, and how long a part of it is at least; `nil` where segments
    /// are read whole.
    private func part(of segment: SegmentSpan) -> (part: Part, isLong: Bool, leastMicroseconds: Int64)? {
        // Of times that an event may have, so that no difference of two overflows.
        guard segment.isIndexed, let wanted = self.divided, let times = segment.times,
            Timestamp.earliest <= times.lowerBound, times.upperBound <= Timestamp.latest
        else { return nil }
        let least = Part(id: segment.id, times: times).microseconds / Self.leastPartCount
        let part = Part(id: segment.id, times: times.clamped(to: wanted))
        let isLong = least > 0 && part.microseconds > max(self.partMicroseconds, least)
        return (part, isLong, least)
    }

    /// As much of it as is read next; keeps the rest.
    private mutating func next(of whole: Part) -> Group {
        func times(_ first: Int64, _ last: Int64) -> ClosedRange<Timestamp> {
            Timestamp(microsecondsSinceEpoch: first)...Timestamp(microsecondsSinceEpoch: last)
        }
        let first = whole.times.lowerBound.microsecondsSinceEpoch
        let last = whole.times.upperBound.microsecondsSinceEpoch
        var part = whole
        if whole.microseconds > self.partMicroseconds {
            let isNewer = self.order == .newestFirst
            let cut = isNewer ? last - self.partMicroseconds : first + self.partMicroseconds + 1
            let (older, newer) = (times(first, cut - 1), times(cut, last))
            part = Part(id: whole.id, times: isNewer ? newer : older)
            self.rest = Part(id: whole.id, times: isNewer ? older : newer)
        } else {
            self.groupCount = min(self.groupCount * 2, Self.maxGroupCount)
        }
        self.growParts(behind: part)
        return Group(ids: [part.id], isIndexed: true, times: part.times)
    }

    /// A part that is a small end of a segment says little about how much the next ones hold: only long ones make parts grow.
    private mutating func growParts(behind part: Part) {
        self.partMicroseconds = max(self.partMicroseconds, part.microseconds * Self.partGrowth)
    }

    /// The times that a page's events may have.
    private static func times(of query: EventQuery) -> ClosedRange<Timestamp>? {
        var first = query.filter.occurredFrom ?? .earliest
        var last = query.filter.occurredTo ?? .latest
        if let after = query.after?.occurredAt {
            if query.order == .newestFirst { last = min(last, after) } else { first = max(first, after) }
        }
        return first <= last ? first...last : nil
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

    /// Whether an event of these times, or of unknown ones, may come before the row, or is of the same moment.
    private static func mayPrecede(
        _ last: PageCursor?, _ times: ClosedRange<Timestamp>?, _ order: EventOrder
    ) -> Bool {
        guard let last, let times else { return true }
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

extension EventQuery {
    /// Whether the index on tenant and time gives the page's events in their order: nothing else rules events out.
    fileprivate var isInTenantIndexOrder: Bool {
        var others = self.filter
        (others.occurredFrom, others.occurredTo) = (nil, nil)
        return self.tenantIDs.count == 1 && others == EventFilter()
    }
}
