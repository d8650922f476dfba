import ArgumentParser
import DocketCodec
import DocketModel
import DocketTerminal
import Testing

@testable import DocketPostgres
@testable import docket

/// Whether a command takes this line of arguments.
func isValid<Command: ParsableCommand>(_: Command.Type, _ line: String) -> Bool {
    (try? Command.parse(line.split(separator: " ").map(String.init))) != nil
}

@Suite("The arguments of quarantine")
struct QuarantineArgumentsTests {
    @Test(
        "name events by numbers, or all of a selection by --all, never both and never neither",
        arguments: [
            ("17", true), ("17 18", true), ("--all", true), ("--all --tenant a --code unknown_event_type", true),
            ("--all --before 30d", true), ("", false), ("17 --all", false), ("17 --tenant a", false),
            ("--tenant a", false), ("--code too_long", false), ("--all --code no_such_code", false), ("x", false),
        ])
    func selection(_ line: String, _ isRight: Bool) {
        #expect(isValid(QuarantineCommand.Drop.self, line) == isRight)
        #expect(isValid(QuarantineCommand.Retry.self, line) == isRight)
    }

    @Test("become a selection")
    func meaning() throws {
        let all = try QuarantineCommand.Selection.parse([
            "--all", "--tenant", "a", "--code", "too_long", "--before", "2026-01-01",
        ]).selection
        #expect(
            all
                == QuarantineSelection(
                    tenant: "a", code: .tooLong, before: Timestamp(rfc3339: "2026-01-01T00:00:00Z")))
        #expect(try QuarantineCommand.Selection.parse(["3", "4"]).selection == QuarantineSelection(ids: [3, 4]))
    }

    @Test("of list bound the limit", arguments: [("--limit 1", true), ("--limit 0", false), ("--limit -5", false)])
    func limit(_ line: String, _ isRight: Bool) {
        #expect(isValid(QuarantineCommand.List.self, line) == isRight)
    }
}

@Suite("The text of quarantine")
struct QuarantineTextTests {
    private let record = QuarantinedRecord(
        id: 17, receivedAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000), tenant: "default",
        batchID: 6_000_000_000_000_000_001, position: 3, producerID: ProducerID(high: 1, low: 2), sequence: 9,
        field: "type", code: "unknown_event_type", reason: "no \u{1B}[31mtype", eventBytes: 12)
    private let event = Event(
        eventID: EventID(high: 1, low: 2), type: "a.b", occurredAt: Timestamp(microsecondsSinceEpoch: 0))

    @Test("is a table that lines up, without anything a terminal would act on")
    func table() {
        let lines = QuarantineText.table([self.record], width: nil, style: .plain).split(separator: "\n")
        #expect(lines.first == "ID  RECEIVED (UTC)        TENANT   CODE                FIELD  REASON")
        #expect(
            lines.last == #"17  2023-11-14T22:13:20Z  default  unknown_event_type  type   no \u{1B}[31mtype"#)
        for line in QuarantineText.table([self.record], width: 80, style: .plain).split(separator: "\n") {
            #expect(line.displayWidth <= 80)
        }
    }

    @Test("shows an event as JSON, and as hexadecimal digits with the reason where it can't be decoded")
    func details() {
        let whole = QuarantineText.details(self.record, event: encodeEvent(self.event))
        #expect(whole.contains("producer  00000000-0000-0001-0000-000000000002\n"))
        #expect(whole.contains("event     \(self.event.json)\n"))
        let broken = QuarantineText.details(self.record, event: [0x0A, 0xFF])
        #expect(broken.contains("it can't be decoded: the bytes are no docket.v1.Event\n"))
        #expect(broken.contains("bytes     0aff\n"))
        let large = QuarantineText.details(self.record, event: [UInt8](repeating: 0xFF, count: 1030))
        #expect(large.contains("… and 6 bytes more, which --json shows\n"))
    }

    @Test("leaves out what old rows don't have")
    func oldRow() {
        var old = self.record
        old.producerID = nil
        old.sequence = nil
        #expect(!QuarantineText.details(old, event: []).contains("producer"))
        #expect(!QuarantineText.json(old).contains("producer_id"))
    }

    @Test("is JSON for programs, whole")
    func json() throws {
        let text = QuarantineText.json(self.record, event: encodeEvent(self.event))
        #expect(
            text
                == #"{"quarantine_id":17,"received_at":"2023-11-14T22:13:20Z","tenant":"default","#
                + #""batch_id":"6000000000000000001","producer_id":"00000000-0000-0001-0000-000000000002","sequence":"9","#
                + #""field":"type","code":"unknown_event_type","reason":"no \u001b[31mtype","position":3,"size_bytes":12,"#
                + #""event":\#(self.event.json)}"#)
        #expect(QuarantineText.json(self.record, event: [0xFF]).contains(#""event_hex":"ff"}"#))
    }

    @Test("of a retry names what failed again")
    func retry() {
        var report = QuarantineRetry.Report()
        report.storedCount = 2
        report.batchIDs = [5]
        #expect(QuarantineText.text(report, width: nil, style: .plain) == "2 stored, 0 rejected again\n")
        report.add(QuarantineRetry.Refused(id: 4, field: "reason", code: .tooLong, reason: "9000 bytes"))
        #expect(
            QuarantineText.text(report, width: nil, style: .plain)
                == "ID  CODE      FIELD   REASON\n 4  too_long  reason  9000 bytes\n2 stored, 1 rejected again\n")
        #expect(
            QuarantineText.json(report)
                == #"{"stored_count":2,"batch_ids":["5"],"rejected_count":1,"rejected":[{"quarantine_id":4,"field":"reason","code":"too_long","reason":"9000 bytes"}]}"#
        )
        for id in 0..<Int64(QuarantineRetry.maxNamed) {
            report.add(QuarantineRetry.Refused(id: id, field: "", code: .tooLong, reason: ""))
        }
        #expect(QuarantineText.text(report, width: nil, style: .plain).contains("… and 1 more\n"))
    }

    @Test("says when numbers name nothing")
    func missing() throws {
        try QuarantineText.check([1, 2, 2], handled: 2)
        try QuarantineText.check([], handled: 0)
        let error = try #require(throws: CommandError.self) { try QuarantineText.check([1, 2], handled: 1) }
        #expect(error.exitCode == .noInput && error.message.hasPrefix("1 of the 2 numbers"))
    }
}
