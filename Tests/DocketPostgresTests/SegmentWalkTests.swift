import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("The walk over segments")
struct SegmentWalkTests {
    private static func time(_ microseconds: Int64) -> Timestamp { Timestamp(microsecondsSinceEpoch: microseconds) }

    private static func span(_ id: Int32, _ first: Int64, _ last: Int64, isIndexed: Bool = true) -> SegmentSpan {
        SegmentSpan(id: id, times: self.time(first)...self.time(last), isIndexed: isIndexed)
    }

    private static func hot(_ id: Int32) -> SegmentSpan { SegmentSpan(id: id, times: nil, isIndexed: false) }

    private static func place(_ time: Int64) -> PageCursor {
        PageCursor(occurredAt: self.time(time), batchID: 0, position: 0)
    }

    /// 500 segments with ten microseconds each, in the order of their ids, and a hot one.
    private static let long = [hot(501)] + (1...500).map { span($0, Int64($0) * 10, Int64($0) * 10 + 9) }

    private static func query(
        _ order: EventOrder = .newestFirst, from: Int64? = nil, to: Int64? = nil, after: Int64? = nil
    ) -> EventQuery {
        var query = EventQuery(tenantIDs: [1], order: order, after: after.map { self.place($0) })
        query.filter.occurredFrom = from.map { self.time($0) }
        query.filter.occurredTo = to.map { self.time($0) }
        return query
    }

    /// All groups of a page that never gets full.
    private static func groups(_ segments: [SegmentSpan], _ query: EventQuery) -> [[Int32]] {
        var walk = SegmentWalk(segments, for: query)
        var groups: [[Int32]] = []
        while let group = walk.next(upTo: nil) { groups.append(group.ids) }
        return groups
    }

    @Test("the hot segment comes first, then the newest, then more at once; a page that is full needs no older ones")
    func newest() {
        var walk = SegmentWalk(Self.long.shuffled(), for: Self.query())
        #expect(walk.next(upTo: nil)?.ids == [501])
        #expect(walk.next(upTo: Self.place(5010)) == nil)
        #expect(walk.next(upTo: nil)?.ids == [500])
        #expect(walk.next(upTo: Self.place(5000)) == nil)
        #expect(walk.next(upTo: nil)?.ids == [499, 498])
        #expect(walk.next(upTo: nil)?.ids == [497, 496, 495, 494])
        #expect(walk.next(upTo: Self.place(4940)) == nil)
        #expect(walk.next(upTo: nil)?.ids.first == 493)
    }

    @Test("few events, wherever they are, are looked for in sixteen at once")
    func few() {
        var query = Self.query()
        query.filter.sessionID = "s"
        let groups = Self.groups(Self.long, query)
        #expect(groups.map(\.count) == [1] + Array(repeating: 16, count: 31) + [4])
    }

    /// A busy actor's events of these times.
    private static func actor(
        _ order: EventOrder = .newestFirst, from: Int64? = nil, to: Int64? = nil, after: Int64? = nil
    ) -> EventQuery {
        var query = self.query(order, from: from, to: to, after: after)
        query.filter.actorID = "a"
        return query
    }

    /// The parts and groups of a page that never gets full.
    private static func walked(_ segments: [SegmentSpan], _ query: EventQuery) -> [SegmentWalk.Group] {
        var walk = SegmentWalk(segments, for: query)
        var groups: [SegmentWalk.Group] = []
        while let group = walk.next(upTo: nil) { groups.append(group) }
        return groups
    }

    private static func part(_ id: Int32, _ first: Int64, _ last: Int64) -> SegmentWalk.Group {
        SegmentWalk.Group(ids: [id], isIndexed: true, times: self.time(first)...self.time(last))
    }

    private static func group(_ ids: Int32...) -> SegmentWalk.Group {
        SegmentWalk.Group(ids: ids, isIndexed: true, times: nil)
    }

    @Test("where the index doesn't give the order, an eighth of the first segment is read, then more and more")
    func parts() {
        let segments = (0..<9).map { Self.span(Int32($0), Int64($0) * 800, Int64($0) * 800 + 799) }
        let newest = Self.walked(segments, Self.actor())
        #expect(
            newest == [
                Self.part(8, 7100, 7199), Self.part(8, 6703, 7099), Self.part(8, 6400, 6702),
                Self.group(7, 6), Self.group(5, 4, 3, 2), Self.group(1, 0),
            ])
        let oldest = Self.walked(segments, Self.actor(.oldestFirst))
        #expect(
            oldest == [
                Self.part(0, 0, 99), Self.part(0, 100, 496), Self.part(0, 497, 799),
                Self.group(1, 2), Self.group(3, 4, 5, 6), Self.group(7, 8),
            ])
    }

    @Test("a page that is full needs no further part")
    func enoughParts() {
        let segments = [Self.hot(2), Self.span(1, 0, 799)]
        for query in [Self.actor(), Self.actor(after: 899), Self.actor(from: 0, to: 9999)] {
            var walk = SegmentWalk(segments, for: query)
            #expect(walk.next(upTo: nil)?.ids == [2])
            #expect(walk.next(upTo: nil) == Self.part(1, 700, 799))
            #expect(walk.next(upTo: Self.place(700)) == nil)
        }
        var walk = SegmentWalk(segments, for: Self.actor())
        _ = (walk.next(upTo: nil), walk.next(upTo: nil))
        #expect(walk.next(upTo: Self.place(699))?.times?.upperBound == Self.time(699))
    }

    @Test("of times that are asked for only these are divided, and a small end of a segment doesn't make parts grow")
    func partsOfWanted() {
        let segments = [Self.span(1, 0, 799), Self.span(2, 800, 1599)]
        #expect(Self.walked(segments, Self.actor(to: 299)).first == Self.part(1, 200, 299))
        #expect(
            Self.walked(segments, Self.actor(from: 650)) == [
                Self.part(2, 1500, 1599), Self.part(2, 1103, 1499), Self.part(2, 800, 1102), Self.group(1),
            ])
        #expect(Self.walked(segments, Self.actor(to: 400, after: 200)).first == Self.part(1, 101, 200))
        #expect(Self.walked(segments, Self.actor(.oldestFirst, from: 100, after: 199)).first == Self.part(1, 199, 298))
        #expect(Self.walked(segments, Self.actor(after: 810)).prefix(2) == [Self.group(2), Self.part(1, 700, 799)])
    }

    @Test("a long segment behind short ones is read in parts, too, and in no group with them")
    func partsBehindShortOnes() {
        let segments = [
            Self.span(4, 1602, 1603), Self.span(3, 1600, 1601), Self.span(2, 800, 1599), Self.span(1, 0, 799),
        ]
        #expect(
            Self.walked(segments, Self.actor()).prefix(3) == [
                Self.group(4), Self.group(3), Self.part(2, 1500, 1599),
            ])
    }

    @Test("a segment is read whole where nothing is gained by parts of it")
    func wholeSegments() {
        var several = Self.query()
        several.tenantIDs = [1, 2]
        var few = Self.actor()
        few.filter.sessionID = "s"
        let moments = Int64.max / 2
        func firstTimes(_ query: EventQuery, _ times: ClosedRange<Int64> = 0...999, isIndexed: Bool = true)
            -> ClosedRange<Timestamp>?
        {
            let span = Self.span(1, times.lowerBound, times.upperBound, isIndexed: isIndexed)
            var walk = SegmentWalk([span], for: query)
            return walk.next(upTo: nil)?.times
        }
        #expect(firstTimes(several) != nil)
        #expect(firstTimes(Self.query(from: 3, to: 900)) == nil)
        #expect(firstTimes(few) == nil)
        #expect(firstTimes(Self.actor(), isIndexed: false) == nil)
        #expect(firstTimes(Self.actor(), 5...12) == nil)
        #expect(firstTimes(Self.actor(from: 2000, to: 1000)) == nil)
        // Times that no event has, as PostgreSQL's infinity is.
        #expect(firstTimes(Self.actor(), 0...moments) == nil)
        #expect(firstTimes(Self.actor(), -moments...0) == nil)
        var walk = SegmentWalk(Self.long, for: Self.actor(), purpose: .whole)
        #expect(walk.next(upTo: nil)?.ids == [501])
        #expect(walk.next(upTo: nil)?.ids.count == 16)
    }

    @Test("oldest first, the oldest come first, and the hot segment when the page is full")
    func oldest() {
        var walk = SegmentWalk(Self.long.shuffled(), for: Self.query(.oldestFirst))
        #expect(walk.next(upTo: nil)?.ids == [1])
        #expect(walk.next(upTo: nil)?.ids == [2, 3])
        #expect(walk.next(upTo: Self.place(40))?.ids == [4])
        #expect(walk.next(upTo: Self.place(49))?.ids == [501])
        #expect(walk.next(upTo: Self.place(49)) == nil)
    }

    @Test("a page that begins among known times is filled from them, before the hot segment is looked at")
    func past() {
        for query in [Self.query(to: 4999), Self.query(after: 4999), Self.query(to: 9999, after: 4000)] {
            var walk = SegmentWalk(Self.long.shuffled(), for: query)
            let first = walk.next(upTo: nil)?.ids
            #expect(first?.count == 1 && first?.contains(501) == false)
            #expect(walk.next(upTo: Self.place(9999))?.ids == [501])
        }
        for query in [Self.query(to: 5000), Self.query(after: 5010), Self.query(to: 9999)] {
            var walk = SegmentWalk(Self.long.shuffled(), for: query)
            #expect(walk.next(upTo: nil)?.ids == [501])
        }
    }

    @Test("one event with a time to come doesn't change where pages begin")
    func future() {
        let segments = Self.long.filter { $0.id != 500 } + [Self.span(500, 5000, Int64.max / 2)]
        var walk = SegmentWalk(segments, for: Self.query(after: 5020))
        #expect(walk.next(upTo: nil)?.ids == [501])
    }

    @Test("a segment without indexes is in no group with another")
    func unlike() {
        let segments = [
            Self.hot(6), Self.hot(5), Self.span(4, 40, 49, isIndexed: false), Self.span(3, 30, 39, isIndexed: false),
            Self.span(2, 20, 29), Self.span(1, 10, 19),
        ]
        #expect(Self.groups(segments.shuffled(), Self.query()) == [[6], [5], [4], [3], [2], [1]])
        #expect(Self.groups(segments.shuffled(), Self.query(.oldestFirst)) == [[1], [2], [3], [4], [6], [5]])
    }

    @Test(
        "a page that never gets full reads every segment once, sixteen at a time in the end",
        arguments: [EventOrder.newestFirst, .oldestFirst])
    func all(order: EventOrder) {
        let groups = Self.groups(Self.long, Self.query(order))
        let known = [1, 2, 4, 8] + Array(repeating: 16, count: 30) + [5]
        #expect(groups.map(\.count) == (order == .newestFirst ? [1] + known : known + [1]))
        #expect(groups.flatMap { $0 }.sorted() == Array(1...501))
    }

    @Test("a full page goes on to segments with events of its last row's very moment, since these may come before it")
    func sameMoment() {
        let segments = [Self.span(1, 0, 5), Self.span(2, 5, 9), Self.span(3, 6, 9)]
        var walk = SegmentWalk(segments, for: Self.query())
        #expect(walk.next(upTo: nil)?.ids == [3])
        #expect(walk.next(upTo: Self.place(6))?.ids == [2])
        #expect(walk.next(upTo: Self.place(6)) == nil)
        #expect(walk.next(upTo: Self.place(5))?.ids == [1])
    }

    @Test("segments of unknown times are always read: not even a full page goes without them")
    func unknown() {
        let segments = (1...3).map { Self.hot($0) } + [Self.span(4, 0, 9)]
        var walk = SegmentWalk(segments, for: Self.query(from: 100, to: 50, after: -1))
        #expect(walk.next(upTo: nil)?.ids == [3])
        #expect(walk.next(upTo: Self.place(1_000))?.ids == [2])
        #expect(walk.next(upTo: Self.place(1_000))?.ids == [1])
        #expect(walk.next(upTo: nil) == nil)
    }

    @Test(
        "the filter's times and the cursor rule segments out, both ends inclusive",
        arguments: [
            (query(from: 4990), [501, 500, 499]), (query(from: 4999), [501, 500, 499]),
            (query(from: 5000), [501, 500]),
            (query(to: 19), [1, 501]), (query(to: 20), [2, 1, 501]), (query(from: 19, to: 20), [2, 1, 501]),
            (query(from: 20, to: 19), [501]), (query(from: 5010), [501]), (query(from: 60, to: 9), [501]),
            (query(after: 20), [2, 1, 501]), (query(after: 19), [1, 501]), (query(from: 20, after: 30), [3, 2, 501]),
            (query(.oldestFirst, after: 4999), [499, 500, 501]), (query(.oldestFirst, after: 5000), [500, 501]),
        ] as [(EventQuery, [Int32])])
    func ruledOut(query: EventQuery, expected: [Int32]) {
        #expect(Self.groups(Self.long, query).flatMap { $0 } == expected)
    }

    @Test("no segments give no groups")
    func none() { #expect(Self.groups([], Self.query()) == []) }

    /// Events of one number each, in random segments, and a reader of them that does what the statements do.
    private struct Model {
        var spans: [SegmentSpan] = []
        /// Per segment: the events' places. A batch id is unique, so that the order is total.
        var places: [Int32: [PageCursor]] = [:]

        init(using generator: inout SeededGenerator) {
            let span = Int64.random(in: 1...200, using: &generator)
            var batch: Int64 = 0
            for id in 1...Int32.random(in: 1...80, using: &generator) {
                let start = Int64.random(in: 0...span, using: &generator)
                let places = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                    batch += 1
                    return PageCursor(
                        occurredAt: SegmentWalkTests.time(start + Int64.random(in: 0...30, using: &generator)),
                        batchID: batch, position: 0)
                }
                let times = places.map(\.occurredAt)
                self.places[id] = places
                let isKnown = !generator.oneIn(20)
                if let first = times.min(), let last = times.max() {
                    let isIndexed = isKnown && !generator.oneIn(10)
                    self.spans.append(SegmentSpan(id: id, times: isKnown ? first...last : nil, isIndexed: isIndexed))
                }
            }
        }

        /// The first rows that the query asks for, of these segments or parts of them.
        func rows(_ query: EventQuery, _ groups: [SegmentWalk.Group]) -> [PageCursor] {
            func key(_ place: PageCursor) -> (Int64, Int64) {
                let sign: Int64 = query.order == .newestFirst ? -1 : 1
                return (sign * place.occurredAt.microsecondsSinceEpoch, sign * place.batchID)
            }
            let read = groups.flatMap { group in
                group.ids.flatMap { self.places[$0] ?? [] }.filter { group.times?.contains($0.occurredAt) != false }
            }
            let found = read.filter { place in
                (query.filter.occurredFrom.map { place.occurredAt >= $0 } ?? true)
                    && (query.filter.occurredTo.map { place.occurredAt <= $0 } ?? true)
                    && (query.after.map { key($0) < key(place) } ?? true)
            }
            return Array(found.sorted { key($0) < key($1) }.prefix(query.limit))
        }
    }

    @Test("what is read by the walk's groups is what all segments together hold")
    func model() {
        var generator = SeededGenerator.ofRun()
        var (stoppedEarly, divided) = (0, 0)
        for _ in 0..<2_000 {
            let model = Model(using: &generator)
            var query = Self.query(Bool.random(using: &generator) ? .newestFirst : .oldestFirst)
            query.limit = Int.random(in: 1...60, using: &generator)
            func maybeTime() -> Int64? { generator.oneIn(3) ? Int64.random(in: -5...240, using: &generator) : nil }
            query.filter.occurredFrom = maybeTime().map { Self.time($0) }
            query.filter.occurredTo = maybeTime().map { Self.time($0) }
            query.after = maybeTime().map { PageCursor(occurredAt: Self.time($0), batchID: 300, position: 0) }
            // A busy actor's, where the first segment is read in parts: here all events are of one.
            if Bool.random(using: &generator) { query.filter.actorID = "a" }
            var walk = SegmentWalk(model.spans.shuffled(using: &generator), for: query)
            var read: [SegmentWalk.Group] = []
            var rows: [PageCursor] = []
            while let group = walk.next(upTo: rows.count < query.limit ? nil : rows.last) {
                #expect((1...(group.isIndexed ? 16 : 1)).contains(group.ids.count))
                read.append(group)
                rows = model.rows(query, read)
            }
            let ids = read.filter { $0.times == nil }.flatMap(\.ids)
            #expect(Set(ids).count == ids.count)
            let all = SegmentWalk.Group(ids: model.spans.map(\.id), isIndexed: true)
            #expect(rows == model.rows(query, [all]), "\(query)")
            // A row that two groups both gave would be there twice.
            #expect(Set(rows.map(\.batchID)).count == rows.count)
            if rows.count == query.limit, ids.count < model.spans.count { stoppedEarly += 1 }
            if read.contains(where: { $0.times != nil }) { divided += 1 }
        }
        #expect(stoppedEarly > 100)
        #expect(divided > 100)
    }
}
