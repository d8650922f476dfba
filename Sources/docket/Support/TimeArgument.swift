public import ArgumentParser
public import DocketModel

/// A point in time on the command line: RFC 3339, a date, or a span before now such as `90s`, `15m`, `2h`, `7d`.
struct TimeArgument: ExpressibleByArgument {
    private enum Form {
        case moment(Timestamp)
        case day(CivilDay)
    }

    private let form: Form

    init?(argument: String) {
        self.init(argument: argument, now: .now)
    }

    init?(argument: String, now: Timestamp) {
        if let exact = Timestamp(rfc3339: argument) {
            self.form = .moment(exact)
        } else if let day = CivilDay(argument) {
            self.form = .day(day)
        } else if let span = Self.spanMicroseconds(argument) {
            self.form = .moment(Timestamp(microsecondsSinceEpoch: now.microsecondsSinceEpoch - span))
        } else {
            return nil
        }
    }

    /// The moment; that of a date is its beginning in the zone.
    func timestamp(in zone: DisplayZone = .utc) -> Timestamp {
        switch self.form {
        case .moment(let time): time
        case .day(let day): zone.start(of: day)
        }
    }

    /// The microseconds of a number with a unit; at most a hundred years.
    fileprivate static func spanMicroseconds(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count >= 0,
            count <= 3_153_600_000 / unit
        else { return nil }
        return count * unit * 1_000_000
    }
}

/// A day on the command line, such as `2026-11-20`.
struct DayArgument: ExpressibleByArgument {
    private let day: CivilDay

    init?(argument: String) {
        guard let day = CivilDay(argument) else { return nil }
        self.day = day
    }

    /// Its first microsecond in a zone.
    func first(in zone: DisplayZone = .utc) -> Timestamp { zone.start(of: self.day) }

    /// Its last microsecond there: it may have 23 or 25 hours.
    func last(in zone: DisplayZone = .utc) -> Timestamp {
        Timestamp(microsecondsSinceEpoch: zone.start(of: self.day.next).microsecondsSinceEpoch - 1)
    }
}

/// A span of time on the command line, such as `90s`, `15m`, `24h`, `7d`, `2w`.
struct SpanArgument: ExpressibleByArgument {
    /// How long it is, in microseconds.
    let microseconds: Int64

    init(seconds: Int64) { self.microseconds = seconds * 1_000_000 }

    init?(argument: String) {
        guard let span = TimeArgument.spanMicroseconds(argument) else { return nil }
        self.microseconds = span
    }

    /// The point in time that is so long from now.
    var fromNow: Timestamp {
        Timestamp(microsecondsSinceEpoch: Timestamp.now.microsecondsSinceEpoch + self.microseconds)
    }

    var defaultValueDescription: String { Self.text(microseconds: self.microseconds) }

    /// A span as it is written: `90s`, `1h`, `7d`.
    static func text(microseconds: Int64) -> String {
        let units: [(Int64, String)] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")]
        let seconds = microseconds / 1_000_000
        let unit = units.first { seconds % $0.0 == 0 && seconds > 0 } ?? (1, "s")
        return "\(seconds / unit.0)\(unit.1)"
    }
}

extension Decision: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }
    public static var allValueStrings: [String] { Self.allCases.map(\.name) }
    public static var allValueDescriptions: [String: String] { [:] }
    public var defaultValueDescription: String { self.name }
}

extension Outcome: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }
    public static var allValueStrings: [String] { Self.allCases.map(\.name) }
    public static var allValueDescriptions: [String: String] { [:] }
    public var defaultValueDescription: String { self.name }
}

extension EventCount: ExpressibleByArgument {
    public init?(argument: String) {
        switch argument {
        case "estimated": self = .estimated
        case "exact": self = .exact
        default: return nil
        }
    }
    public static var allValueStrings: [String] { ["estimated", "exact"] }
    public static var defaultCompletionKind: CompletionKind { .list(self.allValueStrings) }
    public var defaultValueDescription: String { self == .exact ? "exact" : "estimated" }
}

extension EventGrouping: ExpressibleByArgument {}
