import ArgumentParser
import DocketMessages
import DocketModel
import DocketTerminal
import Foundation
import Testing

@testable import docket

@Suite("The range of stats")
struct StatsRangeTests {
    private static let now = Timestamp(rfc3339: "2026-11-22T13:37:00Z") ?? .earliest

    private func range(_ from: String?, _ to: String? = nil) throws -> StatsRange {
        var filter = EventFilter()
        filter.occurredFrom = try from.map { try #require(Timestamp(rfc3339: $0)) }
        filter.occurredTo = try to.map { try #require(Timestamp(rfc3339: $0)) }
        return StatsRange(filter: filter, now: Self.now)
    }

    @Test("is the last day, or the day up to the end that is given, or from the beginning that is until now")
    func defaults() throws {
        #expect(try self.range(nil).from.rfc3339 == "2026-11-21T13:37:00Z")
        #expect(try self.range(nil).to == Self.now)
        #expect(try self.range(nil, "2026-01-02T00:00:00Z").from.rfc3339 == "2026-01-01T00:00:00Z")
        #expect(try self.range("2026-11-01T00:00:00Z").to == Self.now)
        #expect(try self.range("2027-01-01T00:00:00Z").to.rfc3339 == "2027-01-01T00:00:00Z")
    }

    @Test(
        "is divided by the width that fits it, into parts that begin where clocks show so",
        arguments: [
            ("2026-11-22T13:36:50Z", "1s", 11, "2026-11-22T13:36:50Z"),
            ("2026-11-22T12:37:00Z", "5m", 13, "2026-11-22T12:35:00Z"),
            ("2026-11-21T13:37:00Z", "1h", 25, "2026-11-21T13:00:00Z"),
            ("2026-11-15T13:37:00Z", "6h", 29, "2026-11-15T12:00:00Z"),
            ("2026-10-23T13:37:00Z", "1d", 31, "2026-10-23T00:00:00Z"),
            ("2026-08-22T13:37:00Z", "7d", 14, "2026-08-17T00:00:00Z"),
        ])
    func widths(_ from: String, _ width: String, _ count: Int, _ first: String) throws {
        let range = try self.range(from)
        #expect(SpanArgument.text(microseconds: range.width()) == width)
        let starts = try range.starts(width: range.width(), zone: .utc)
        #expect(starts.count == count)
        #expect(starts.first?.rfc3339 == first)
    }

    @Test("has the days of the zone, also where the clocks are changed")
    func zone() throws {
        let vienna = DisplayZone(try #require(TimeZone(identifier: "Europe/Vienna")))
        let range = try self.range("2026-10-24T10:00:00Z", "2026-10-26T10:00:00Z")
        let days = try range.starts(width: 86_400_000_000, zone: vienna).map(\.rfc3339)
        #expect(days == ["2026-10-23T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"])
        let kolkata = DisplayZone(try #require(TimeZone(identifier: "Asia/Kolkata")))
        let hours = try range.starts(width: 3_600_000_000, zone: kolkata)
        #expect(hours.first?.rfc3339 == "2026-10-24T09:30:00Z")
    }

    @Test("of all time is divided too, and from its beginning")
    func allTime() throws {
        let range = try self.range("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
        let starts = try range.starts(width: range.width(), zone: .utc)
        #expect(starts.first == .earliest)
        #expect(starts.count <= 34)
    }

    @Test("that can't be divided so, or is none, says what to do")
    func refused() throws {
        let error = #expect(throws: CommandError.self) {
            try self.range("2026-11-21T13:37:00Z").starts(width: 1_000_000, zone: .utc)
        }
        #expect(error?.exitCode == .usage)
        #expect(error?.message.contains("86401 parts") == true)
        let reversed = #expect(throws: CommandError.self) {
            try self.range("2026-11-21T13:37:00Z", "2026-11-20T00:00:00Z").starts(width: 1_000_000, zone: .utc)
        }
        #expect(reversed?.message.contains("exchange them") == true)
    }
}

@Suite("The output of stats")
struct StatsOutputTests {
    private static func time(_ hours: Int64) -> Timestamp {
        Timestamp(microsecondsSinceEpoch: 1_700_006_400_000_000 + hours * 3_600_000_000)
    }

    private static let answer = StatsResponseMessage(
        groups: [
            .init(
                value: "system:serviceaccount:kube-system:generic-garbage-collector", count: 1_500,
                bucketCounts: [500, 0, 1_000]),
            .init(value: nil, count: 300, bucketCounts: [0, 0, 300]),
            .init(value: "=1+1", count: 150, bucketCounts: [0, 150, 0]),
        ], other: .init(value: nil, count: 50, bucketCounts: [50, 0, 0]), otherGroupCount: 12, count: 2_000,
        bucketStarts: [time(0), time(1), time(2)])

    private var range: StatsRange {
        var filter = EventFilter()
        (filter.occurredFrom, filter.occurredTo) = (Self.time(0), Self.time(3))
        return StatsRange(filter: filter, now: .now)
    }

    private func table(_ answer: StatsResponseMessage, width: Int?, _ symbols: ChartSymbols = .blocks) -> [String] {
        StatsTable(answer: answer, grouping: .actor, range: self.range, zone: .utc)
            .rendered(width: width, style: .plain, symbols: symbols).split(separator: "\n").map { String($0) }
    }

    @Test("never is wider than the terminal", arguments: 40...160)
    func fits(_ width: Int) {
        for line in self.table(Self.answer, width: width) { #expect(line.displayWidth <= width, "\(line)") }
        var totals = Self.answer
        totals.bucketStarts = []
        for line in self.table(totals, width: width) { #expect(line.displayWidth <= width, "\(line)") }
    }

    @Test("has the groups, those without a value, the others and all, with their shares and a chart")
    func rows() {
        let lines = self.table(Self.answer, width: 120)
        #expect(lines[0].split(separator: " ") == ["ACTOR", "EVENTS", "SHARE", "OVER", "TIME"])
        #expect(lines[1].hasSuffix("1,500   75.0 %  ▄ █"))
        #expect(lines[2].hasPrefix("(none)") && lines[2].hasSuffix("300   15.0 %    █"))
        #expect(lines[4].hasPrefix("(12 others)") && lines[4].hasSuffix("50    2.5 %  █"))
        #expect(lines[5].hasPrefix("(all)") && lines[5].hasSuffix("2,000  100.0 %  ▄▁█"))
        #expect(lines[6] == "2023-11-15T00:00:00Z to 2023-11-15T03:00:00Z")
        #expect(lines[7] == "a column is 1h, each row drawn against its own peak")
    }

    @Test("is ASCII where nothing else can be shown, and has no chart where there is no terminal")
    func plain() {
        let ascii = self.table(Self.answer, width: 120, .ascii)
        #expect(ascii.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } })
        #expect(ascii[1].hasSuffix("75.0 %  = @"))
        let piped = self.table(Self.answer, width: nil)
        #expect(piped.count == 6)
        #expect(piped[1].hasSuffix("system:serviceaccount:kube-system:generic-garbage-collector   1,500   75.0 %"))
    }

    @Test("escapes what a terminal would act on")
    func hostile() {
        let answer = StatsResponseMessage(groups: [.init(value: "\u{1B}[2Jx", count: 1)], count: 1)
        #expect(self.table(answer, width: 80)[1].hasPrefix("\\u{1B}[2Jx"))
    }

    @Test("is one JSON object, in which no value is null")
    func json() throws {
        let records = StatsRecords(answer: Self.answer, grouping: .resourceType, range: self.range)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(records.json.utf8)) as? [String: Any])
        #expect(object["group_by"] as? String == "resource-type")
        #expect(object["events"] as? Int == 2_000)
        #expect(object["from"] as? String == "2023-11-15T00:00:00Z")
        #expect((object["bucket_starts"] as? [String])?.count == 3)
        let groups = try #require(object["groups"] as? [[String: Any]])
        #expect(groups[1]["value"] is NSNull)
        #expect(groups[0]["bucket_events"] as? [Int] == [500, 0, 1_000])
        let other = try #require(object["other"] as? [String: Any])
        #expect(other["groups"] as? Int == 12)
        #expect(other["events"] as? Int == 50)
    }

    @Test("is CSV with a record for each group and bucket, disarmed on request")
    func csv() {
        let records = StatsRecords(answer: Self.answer, grouping: .actor, range: self.range)
        let lines = String(decoding: records.csv(formulaSafe: false), as: UTF8.self).components(separatedBy: "\r\n")
        #expect(lines.count == 1 + 4 * 3 + 1)
        #expect(lines[0] == "kind,actor,from,events")
        #expect(lines[3].hasSuffix("generic-garbage-collector,2023-11-15T02:00:00Z,1000"))
        #expect(lines[6] == "none,,2023-11-15T02:00:00Z,300")
        #expect(lines[8] == "value,=1+1,2023-11-15T01:00:00Z,150")
        #expect(lines[10] == "other,,2023-11-15T00:00:00Z,50")
        let safe = String(decoding: records.csv(formulaSafe: true), as: UTF8.self)
        #expect(safe.contains("value,\"'=1+1\",2023-11-15T01:00:00Z,150"))
    }
}

@Suite("The arguments of stats")
struct StatsArgumentsTests {
    @Test(
        "that contradict each other are refused",
        arguments: [
            ["--json", "--csv"], ["--formula-safe"], ["--total", "--every", "1h"], ["--every", "0s"], ["--top", "0"],
            ["--top", "1001"], ["--by", "weather"], ["--all-tenants", "--also-tenant", "a"], ["--every", "fortnight"],
        ])
    func refused(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try StatsCommand.parse(arguments) }
    }

    @Test("name what events are counted by", arguments: EventGrouping.allCases)
    func grouping(_ grouping: EventGrouping) throws {
        #expect(try StatsCommand.parse(["--by", grouping.rawValue]).by == grouping)
        #expect(EventGrouping(number: grouping.number) == grouping)
        #expect(StatsCommand.helpMessage().contains("default: type)"))
    }
}

@Suite("The pager of an environment")
struct PagerCommandTests {
    @Test(
        "is what DOCKET_PAGER says, then PAGER, then less; none where one is empty, cat, or the terminal is dumb",
        arguments: [
            ([:], nil), (["TERM": "dumb"], nil), (["TERM": "xterm"], "less -FRX"),
            (["TERM": "xterm", "PAGER": "more"], "more"),
            (["TERM": "xterm", "PAGER": "more", "DOCKET_PAGER": "most -s"], "most -s"),
            (["TERM": "xterm", "PAGER": "more", "DOCKET_PAGER": ""], nil), (["TERM": "xterm", "PAGER": "cat"], nil),
            (["TERM": "xterm", "PAGER": "  "], nil),
        ])
    func command(_ environment: [String: String], _ command: String?) {
        #expect(Pager.command(environment: environment) == command)
    }

    @Test("runs with its arguments or in a shell, and reads what is written; a missing one isn't run")
    func process() throws {
        let scratch = try Scratch()
        let path = try scratch.file("read.txt", "".utf8)
        let pager = try #require(PagerProcess(command: "cat > '\(path)'"))
        try Console.write("a\nb\n", to: pager.input)
        try pager.finish()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "a\nb\n")
        #expect(PagerProcess(command: "no-such-pager-anywhere -x") == nil)
        let quitter = try #require(PagerProcess(command: "true"))
        signal(SIGPIPE, SIG_IGN)
        #expect(throws: OutputClosed.self) {
            // More than a pipe holds: that the other end has gone is noticed sooner or later.
            for _ in 0..<100 { try Console.write(String(repeating: "x", count: 65_536), to: quitter.input) }
        }
        try quitter.finish()
    }

    @Test(
        "one that the shell can't find is an error, and one that ends with any other code isn't",
        arguments: [1, 3, 126, 127])
    func codes(code: Int) throws {
        let pager = try #require(PagerProcess(command: "(exit \(code))"))
        if code < 126 { return try pager.finish() }
        #expect(throws: CommandError.self) { try pager.finish() }
    }
}
