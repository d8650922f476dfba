import DocketModel

/// The time that events are counted in, and its parts.
struct StatsRange: Equatable {
    /// What is counted where nothing says otherwise: the last day.
    static let defaultMicroseconds: Int64 = 86_400_000_000

    /// Both inclusive.
    let from: Timestamp
    let to: Timestamp

    init(filter: EventFilter, now: Timestamp) {
        self.to = filter.occurredTo ?? max(now, filter.occurredFrom ?? now)
        let from =
            filter.occurredFrom?.microsecondsSinceEpoch
            ?? self.to.microsecondsSinceEpoch - Self.defaultMicroseconds
        self.from = max(.earliest, Timestamp(microsecondsSinceEpoch: from))
    }

    private static let day = CivilDay.microseconds
    /// The widths that are chosen from, in microseconds: those of clocks and calendars.
    private static let widths: [Int64] =
        [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200].map { $0 * 1_000_000 }
        + [1, 7, 28, 91, 364].map { $0 * day }

    /// The least width of these that makes at most that many parts, but for those cut at the ends.
    func width(parts: Int64 = 32) -> Int64 {
        let length = self.to.microsecondsSinceEpoch - self.from.microsecondsSinceEpoch
        let most = Self.widths[Self.widths.count - 1]
        return Self.widths.first { length <= $0 * parts } ?? (length / (most * parts) + 1) * most
    }

    /// Where each part begins: parts of whole days at midnight in the zone, of whole weeks on Monday, shorter ones where the
    /// zone's clocks show a multiple. Of the first and the last only what is in the range counts.
    ///
    /// - Throws: ``CommandError`` for more than ``TimeBuckets/maxCount``.
    func starts(width: Int64, zone: DisplayZone) throws(CommandError) -> [Timestamp] {
        guard self.from <= self.to else {
            throw CommandError(
                .usage,
                "the range begins at \(zone.text(self.from)), after its end, \(zone.text(self.to)); exchange them")
        }
        let count = (self.to.microsecondsSinceEpoch - self.from.microsecondsSinceEpoch) / width + 1
        guard count < TimeBuckets.maxCount else {
            throw CommandError(
                .usage,
                "\(SpanArgument.text(microseconds: width)) divides the range into \(count) parts, at most "
                    + "\(TimeBuckets.maxCount - 1) are counted; choose a longer --every, or a shorter range")
        }
        let starts = width % Self.day == 0 ? self.days(width / Self.day, zone) : self.clock(width, zone)
        // No event is from before year 1, nor from before the range.
        return starts.enumerated().map { $0 == 0 ? max(min($1, self.from), .earliest) : $1 }
    }

    private func days(_ length: Int64, _ zone: DisplayZone) -> [Timestamp] {
        // 1970-01-01 was a Thursday.
        let shift: Int64 = length % 7 == 0 ? 3 : 0
        let first = zone.day(of: self.from).number + shift
        var day = CivilDay(number: first - (first % length + length) % length - shift)
        var starts: [Timestamp] = []
        while case let start = zone.start(of: day), start <= self.to {
            // A day that the zone has left out begins where the next one does.
            if start != starts.last { starts.append(start) }
            day = CivilDay(number: day.number + length)
        }
        return starts
    }

    private func clock(_ width: Int64, _ zone: DisplayZone) -> [Timestamp] {
        let shift = zone.offsetMinutes(at: self.from) * 60_000_000
        let first = self.from.microsecondsSinceEpoch + shift
        let start = first - (first % width + width) % width - shift
        return stride(from: start, through: self.to.microsecondsSinceEpoch, by: Int64.Stride(width)).map {
            Timestamp(microsecondsSinceEpoch: $0)
        }
    }
}
