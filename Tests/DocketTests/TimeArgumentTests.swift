import ArgumentParser
import DocketModel
import Foundation
import Testing

@testable import docket

@Suite("A time on the command line")
struct TimeArgumentTests {
    private let now = Timestamp(rfc3339: "2026-11-21T12:00:00Z") ?? .earliest

    @Test(
        "is RFC 3339, a date, or a span before now",
        arguments: [
            ("2023-01-27T18:28:08.129781Z", "2023-01-27T18:28:08.129781Z"), ("2023-01-27", "2023-01-27T00:00:00Z"),
            ("90s", "2026-11-21T11:58:30Z"), ("15m", "2026-11-21T11:45:00Z"), ("2h", "2026-11-21T10:00:00Z"),
            ("7d", "2026-11-14T12:00:00Z"), ("1w", "2026-11-14T12:00:00Z"), ("0s", "2026-11-21T12:00:00Z"),
        ])
    func reads(_ text: String, _ expected: String) {
        #expect(TimeArgument(argument: text, now: self.now)?.timestamp().rfc3339 == expected)
    }

    @Test(
        "is nothing else",
        arguments: ["", "h", "-1h", "1y", "2023-13-01", "yesterday", "99999999999999999999h", "9999999w"])
    func refuses(_ text: String) {
        #expect(TimeArgument(argument: text, now: self.now) == nil)
    }

    @Test("is the beginning of a date where the zone has it, and the same moment otherwise")
    func zone() throws {
        let vienna = DisplayZone(try #require(TimeZone(identifier: "Europe/Vienna")))
        let read = { (text: String) in TimeArgument(argument: text, now: self.now)?.timestamp(in: vienna).rfc3339 }
        #expect(read("2026-11-20") == "2026-11-19T23:00:00Z")
        #expect(read("2026-07-20") == "2026-07-19T22:00:00Z")
        #expect(read("2026-11-20T01:00:00+01:00") == "2026-11-20T00:00:00Z")
        #expect(read("2h") == "2026-11-21T10:00:00Z")
    }
}

@Suite("A zone of times")
struct DisplayZoneTests {
    private func zone(_ name: String) throws -> DisplayZone { DisplayZone(try #require(TimeZone(identifier: name))) }

    private func time(_ text: String) throws -> Timestamp { try #require(Timestamp(rfc3339: text)) }

    @Test(
        "has days of 23, 24 and 25 hours, which begin when its clocks say so",
        arguments: [
            ("Europe/Vienna", "2026-03-29", "2026-03-28T23:00:00Z", 23),
            ("Europe/Vienna", "2026-10-25", "2026-10-24T22:00:00Z", 25),
            ("Europe/Vienna", "2026-11-20", "2026-11-19T23:00:00Z", 24),
            ("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25),
            ("Asia/Kolkata", "2026-11-20", "2026-11-19T18:30:00Z", 24),
            ("Asia/Kathmandu", "1969-12-31", "1969-12-30T18:30:00Z", 24),
            // Clocks went from midnight to one o'clock.
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23),
            // From midnight back to eleven o'clock.
            ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00Z", 25),
            ("Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z", 24),
            ("UTC", "0001-01-01", "0001-01-01T00:00:00Z", 24),
            // There was no such day.
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0),
        ])
    func days(_ name: String, _ day: String, _ first: String, _ hours: Int64) throws {
        let (zone, argument) = (try self.zone(name), try #require(DayArgument(argument: day)))
        #expect(argument.first(in: zone).rfc3339 == first)
        let length = argument.last(in: zone).microsecondsSinceEpoch - argument.first(in: zone).microsecondsSinceEpoch
        #expect(length == hours * 3_600_000_000 - 1)
        if hours > 0 {
            #expect(zone.day(of: argument.first(in: zone)) == CivilDay(day))
            #expect(zone.day(of: argument.last(in: zone)) == CivilDay(day))
        }
    }

    @Test("has the days of UTC by default")
    func utc() throws {
        let day = try #require(DayArgument(argument: "2026-11-20"))
        #expect(day.first().rfc3339 == "2026-11-20T00:00:00Z")
        #expect(day.last().rfc3339 == "2026-11-20T23:59:59.999999Z")
        #expect(DayArgument(argument: "2026-02-29") == nil)
    }

    @Test("writes moments so that they read back, with their offset")
    func text() throws {
        let vienna = try self.zone("Europe/Vienna")
        let summer = try self.time("2026-07-01T22:30:00.000001Z")
        #expect(vienna.text(summer) == "2026-07-02T00:30:00.000001+02:00")
        #expect(DisplayZone.utc.text(summer) == "2026-07-01T22:30:00.000001Z")
        #expect(try self.zone("America/St_Johns").text(summer) == "2026-07-01T20:00:00.000001-02:30")
        for name in ["Europe/Vienna", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"] {
            // Vienna's clocks were 65 minutes and 21 seconds ahead once.
            for moment in [
                "1850-06-01T12:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z",
            ] {
                let time = try self.time(moment)
                #expect(Timestamp(rfc3339: try self.zone(name).text(time)) == time, "\(name) \(moment)")
            }
        }
    }

    @Test("heads a column of times with their offset, or says that they have several")
    func title() throws {
        let vienna = try self.zone("Europe/Vienna")
        let (summer, winter) = (try self.time("2026-07-01T00:00:00Z"), try self.time("2026-12-01T00:00:00Z"))
        #expect(vienna.title(of: [summer, summer]) == "TIME (UTC+02:00)")
        #expect(vienna.title(of: [summer, winter]) == "TIME (local)")
        #expect(DisplayZone.utc.title(of: [summer, winter]) == "TIME (UTC)")
    }

    @Test("is UTC unless --local says otherwise, and never both")
    func flags() throws {
        #expect(try QueryCommand.parse([]).selection.zones.zone == .utc)
        #expect(try QueryCommand.parse(["--utc"]).selection.zones.zone == .utc)
        #expect(try QueryCommand.parse(["--local"]).selection.zones.zone == .local)
        #expect(throws: (any Error).self) { try QueryCommand.parse(["--local", "--utc"]) }
    }
}
