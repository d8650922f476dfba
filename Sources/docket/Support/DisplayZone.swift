import ArgumentParser
import DocketModel
import Foundation

/// The zone in which times are shown, and in which dates are days.
struct DisplayZone: Sendable, Equatable {
    /// Coordinated universal time, in which logs of several machines are compared.
    static let utc = DisplayZone(timeZone: nil)

    /// This machine's zone: `TZ`, or the system's.
    static var local: DisplayZone { DisplayZone(.current) }

    /// `nil` for UTC.
    private let timeZone: TimeZone?

    private init(timeZone: TimeZone?) { self.timeZone = timeZone }

    init(_ timeZone: TimeZone) { self.init(timeZone: timeZone) }

    /// RFC 3339: in UTC with `Z`, elsewhere with the offset of that moment, so that it can be passed to `--from`.
    func text(_ time: Timestamp) -> String {
        guard self.timeZone != nil else { return time.rfc3339 }
        let minutes = self.offsetMinutes(at: time)
        let shifted = Timestamp(microsecondsSinceEpoch: time.microsecondsSinceEpoch + minutes * 60_000_000)
        return shifted.rfc3339.dropLast() + Self.offset(minutes)
    }

    /// The title of a column of times: the offset, where it is the same for all of them.
    func title(of times: some Sequence<Timestamp>) -> String {
        guard self.timeZone != nil else { return "TIME (UTC)" }
        let offsets = Set(times.map { self.offsetMinutes(at: $0) })
        guard offsets.count <= 1 else { return "TIME (local)" }
        return "TIME (UTC\(Self.offset(offsets.first ?? self.offsetMinutes(at: .now))))"
    }

    /// How far the zone's clocks are ahead of UTC then, in whole minutes: those of before 1900 that went by the sun are told
    /// to the minute.
    func offsetMinutes(at time: Timestamp) -> Int64 {
        guard let zone = self.timeZone else { return 0 }
        return Int64(zone.secondsFromGMT(for: Self.date(time)) / 60)
    }

    /// When a day begins here. One that the zone has left out, as Samoa did in 2011, begins when the next one does.
    func start(of day: CivilDay) -> Timestamp {
        guard let zone = self.timeZone else { return day.utcStart }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let noon = Timestamp(microsecondsSinceEpoch: day.utcStart.microsecondsSinceEpoch + CivilDay.microseconds / 2)
        var inside = Self.date(noon).addingTimeInterval(-Double(zone.secondsFromGMT(for: Self.date(noon))))
        let local = inside.timeIntervalSince1970 + Double(zone.secondsFromGMT(for: inside))
        if CivilDay(number: Int64((local / 86_400).rounded(.down))) != day {
            inside = inside.addingTimeInterval(86_400)
        }
        let start = calendar.startOfDay(for: inside).timeIntervalSince1970
        return Timestamp(microsecondsSinceEpoch: Int64(start.rounded()) * 1_000_000)
    }

    /// The day of a moment here.
    func day(of time: Timestamp) -> CivilDay {
        let local = time.microsecondsSinceEpoch + self.offsetMinutes(at: time) * 60_000_000
        let (days, rest) = local.quotientAndRemainder(dividingBy: CivilDay.microseconds)
        return CivilDay(number: rest < 0 ? days - 1 : days)
    }

    private static func date(_ time: Timestamp) -> Date {
        Date(timeIntervalSince1970: Double(time.microsecondsSinceEpoch) / 1_000_000)
    }

    private static func offset(_ minutes: Int64) -> String {
        func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let size = abs(minutes)
        return "\(minutes < 0 ? "-" : "+")\(twoDigits(size / 60)):\(twoDigits(size % 60))"
    }
}

/// A day of the proleptic Gregorian calendar, wherever it is.
struct CivilDay: Sendable, Equatable {
    static let microseconds: Int64 = 86_400_000_000

    /// Counted from 1970-01-01, which is 0.
    let number: Int64

    init(number: Int64) { self.number = number }

    /// Reads `2026-11-20`.
    init?(_ text: String) {
        guard let start = Timestamp(rfc3339: text + "T00:00:00Z") else { return nil }
        // Midnight is a multiple of a day, also before 1970.
        self.init(number: start.microsecondsSinceEpoch / Self.microseconds)
    }

    var next: CivilDay { CivilDay(number: self.number + 1) }

    /// When it begins in UTC.
    var utcStart: Timestamp { Timestamp(microsecondsSinceEpoch: self.number * Self.microseconds) }
}

/// `--local` and `--utc`, of every command that shows times or takes dates.
struct ZoneOptions: ParsableArguments {
    enum Choice: EnumerableFlag {
        case utc, local

        static func help(for value: Choice) -> ArgumentHelp? {
            switch value {
            case .utc: "Times and dates are of UTC."
            case .local: "Times and dates are of this machine's zone (TZ); JSON and CSV have UTC all the same."
            }
        }
    }

    @Flag var choice: Choice = .utc

    var zone: DisplayZone { self.choice == .utc ? .utc : .local }
}
