/// By what events are counted, in the order of `docket.v1.GroupBy`. The raw value is the name on the command line and in output.
package enum EventGrouping: String, Sendable, CaseIterable {
    case type
    case decision
    case outcome
    /// The actor's id.
    case actor
    case tenant
    case action
    case scope
    case source
    case policy
    case resourceType = "resource-type"

    /// Its number in `docket.v1.GroupBy`, from 1 on.
    package var number: Int32 {
        switch self {
        case .type: 1
        case .decision: 2
        case .outcome: 3
        case .actor: 4
        case .tenant: 5
        case .action: 6
        case .scope: 7
        case .source: 8
        case .policy: 9
        case .resourceType: 10
        }
    }

    /// The most groups that are told apart.
    package static let maxGroups = 1_000

    /// The grouping of a number; `nil` when it has none.
    package init?(number: Int32) {
        guard let found = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = found
    }
}

/// The parts of a range of time that events are counted in.
package enum TimeBuckets: Sendable, Equatable {
    /// All of one width, in microseconds, more than 0; they begin at its multiples since 1970-01-01T00:00:00Z.
    case width(microseconds: Int64)
    /// Where each begins, in rising order; the last one is open.
    case starts([Timestamp])

    /// The most that a range is divided into.
    package static let maxCount = 1_000
    /// The most counts of groups in buckets, without those of all other groups.
    package static let maxCells = 100_000

    /// How many there are between two moments, both inclusive.
    package func count(from first: Timestamp, to last: Timestamp) -> Int64 {
        switch self {
        case .starts(let starts): return Int64(starts.count)
        case .width(let width):
            guard first <= last else { return 0 }
            return Self.index(last, width) - Self.index(first, width) + 1
        }
    }

    /// Where each begins; the first may begin before the range does.
    ///
    /// - Precondition: ``count(from:to:)`` is at most ``maxCount``.
    package func starts(from first: Timestamp, to last: Timestamp) -> [Timestamp] {
        switch self {
        case .starts(let starts): return starts
        case .width(let width):
            let count = self.count(from: first, to: last)
            precondition(count <= Self.maxCount, "\(count) buckets")
            let index = Self.index(first, width)
            // No event is before the first year; a bucket may be wider than all times.
            return (0..<count).map { number in
                let (start, overflow) = (index + number).multipliedReportingOverflow(by: width)
                return overflow ? .earliest : max(.earliest, Timestamp(microsecondsSinceEpoch: start))
            }
        }
    }

    /// The number of the bucket of a moment, negative before 1970.
    private static func index(_ time: Timestamp, _ width: Int64) -> Int64 {
        let (quotient, remainder) = time.microsecondsSinceEpoch.quotientAndRemainder(dividingBy: width)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
