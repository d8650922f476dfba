import DocketModel
import DocketTestSupport
import Foundation
import Testing

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        "writes RFC 3339 in UTC with six fractional digits, or none",
        arguments: [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_674_844_088_129_781, "2023-01-27T18:28:08.129781Z"),
            (1_600_044_263_000_000, "2020-09-14T00:44:23Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (-2_203_891_200_000_000, "1900-03-01T00:00:00Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ])
    func writes(microseconds: Int64, text: String) {
        let time = Timestamp(microsecondsSinceEpoch: microseconds)
        #expect(time.rfc3339 == text)
        #expect(Timestamp(rfc3339: text) == time)
        #expect("\(time)" == text)
    }

    @Test("its first and last are those of the years 1 and 9999")
    func range() {
        #expect(Timestamp.earliest.rfc3339 == "0001-01-01T00:00:00Z")
        #expect(Timestamp.latest.rfc3339 == "9999-12-31T23:59:59.999999Z")
        #expect(Timestamp.earliest < Timestamp(microsecondsSinceEpoch: 0))
        #expect(Timestamp(microsecondsSinceEpoch: 0) < Timestamp.latest)
    }

    @Test(
        "reads an offset as the same moment in UTC",
        arguments: [
            ("2026-03-01T01:30:00+02:00", "2026-02-28T23:30:00Z"),
            ("2024-02-28T23:30:00-01:00", "2024-02-29T00:30:00Z"),
            ("2026-12-31T23:59:59-00:01", "2027-01-01T00:00:59Z"),
            ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00+23:59", "2025-12-31T00:01:00Z"),
        ])
    func offsets(text: String, utc: String) {
        #expect(Timestamp(rfc3339: text)?.rfc3339 == utc)
    }

    @Test(
        "reads small letters, a space for T, and any number of fractional digits, of which six count",
        arguments: [
            ("2026-01-01t00:00:00z", "2026-01-01T00:00:00Z"),
            ("2026-01-01 00:00:00Z", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500000Z"),
            ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456Z"),
            ("2026-01-01T00:00:00.9999999999999999999999999999Z", "2026-01-01T00:00:00.999999Z"),
        ])
    func spellings(text: String, canonical: String) {
        #expect(Timestamp(rfc3339: text)?.rfc3339 == canonical)
    }

    @Test("reads a leap second as the first moment after it")
    func leapSecond() {
        #expect(Timestamp(rfc3339: "2016-12-31T23:59:60Z")?.rfc3339 == "2017-01-01T00:00:00Z")
    }

    @Test(
        "knows leap years: every fourth, no century but every fourth of them",
        arguments: [
            ("2024-02-29", true), ("2023-02-29", false), ("2000-02-29", true), ("1900-02-29", false),
            ("2100-02-29", false),
            ("0004-02-29", true), ("9996-02-29", true), ("2024-02-30", false), ("2023-04-31", false),
            ("2023-06-30", true),
        ])
    func leapYears(date: String, exists: Bool) {
        #expect((Timestamp(rfc3339: "\(date)T12:00:00Z") != nil) == exists)
    }

    @Test(
        "refuses what is no RFC 3339 time",
        arguments: [
            "", "2026", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00Z", "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Z ",
            " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00+0100",
            "26-01-01T00:00:00Z", "+2026-01-01T00:00:00Z", "2026-1-1T00:00:00Z", "2026-01-01X00:00:00Z",
            "２０２６-01-01T00:00:00Z", "2026-01-01T00:00:00.1२Z",
        ])
    func refuses(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test("refuses what lies outside the years 1 to 9999, also by its offset")
    func outside() {
        #expect(Timestamp(rfc3339: "0000-12-31T23:59:59Z") == nil)
        #expect(Timestamp(rfc3339: "0001-01-01T00:00:00+00:01") == nil)
        #expect(Timestamp(rfc3339: "0001-01-01T00:00:00-00:01")?.rfc3339 == "0001-01-01T00:01:00Z")
        #expect(Timestamp(rfc3339: "9999-12-31T23:59:59-00:01") == nil)
        #expect(Timestamp(rfc3339: "9999-12-31T23:59:60Z") == nil)
    }

    @Test(
        "writes any 64 bits without trapping; years that no event carries have a sign",
        arguments: [
            (Int64.min, "-290308-12-21T19:59:05.224192Z"), (Int64.max, "+294247-01-10T04:00:54.775807Z"),
            (253_402_300_800_000_000, "+010000-01-01T00:00:00Z"),
            (-62_135_596_800_000_001, "0000-12-31T23:59:59.999999Z"),
            (-62_167_219_200_000_001, "-000001-12-31T23:59:59.999999Z"),
        ])
    func extremes(microseconds: Int64, text: String) {
        #expect(Timestamp(microsecondsSinceEpoch: microseconds).rfc3339 == text)
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test("reads back what it writes, for random times, and agrees with Foundation on the date")
    func roundTrips() throws {
        var random = SeededGenerator.ofRun()
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for _ in 0..<2000 {
            let range = Timestamp.earliest.microsecondsSinceEpoch...Timestamp.latest.microsecondsSinceEpoch
            let time = Timestamp(microsecondsSinceEpoch: Int64.random(in: range, using: &random))
            #expect(Timestamp(rfc3339: time.rfc3339) == time)
            // Foundation's calendar is Julian before 1582.
            guard time.microsecondsSinceEpoch > -12_000_000_000_000_000 else { continue }
            let (seconds, rest) = time.microsecondsSinceEpoch.quotientAndRemainder(dividingBy: 1_000_000)
            let date = Date(timeIntervalSince1970: Double(rest < 0 ? seconds - 1 : seconds))
            let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
            let expected = String(
                format: "%04d-%02d-%02dT%02d:%02d:%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0,
                parts.hour ?? 0,
                parts.minute ?? 0, parts.second ?? 0)
            #expect(time.rfc3339.hasPrefix(expected), "\(time.microsecondsSinceEpoch)")
        }
    }

    @Test("says whether a text holds more than it keeps")
    func keepsAll() {
        let time = Timestamp(microsecondsSinceEpoch: 0)
        for text in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123456000+01:00"] {
            #expect(time.keepsAll(of: text), "\(text)")
        }
        #expect(!time.keepsAll(of: "2026-01-01T00:00:00.1234567Z"))
        #expect(!time.keepsAll(of: "2026-01-01T00:00:00.000000001-01:00"))
    }
}
