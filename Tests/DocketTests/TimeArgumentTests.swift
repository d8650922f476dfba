import DocketModel
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
        #expect(TimeArgument(argument: text, now: self.now)?.timestamp.rfc3339 == expected)
    }

    @Test(
        "is nothing else",
        arguments: ["", "h", "-1h", "1y", "2023-13-01", "yesterday", "99999999999999999999h", "9999999w"])
    func refuses(_ text: String) {
        #expect(TimeArgument(argument: text, now: self.now) == nil)
    }
}
