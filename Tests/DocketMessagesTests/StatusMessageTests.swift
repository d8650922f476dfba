import DocketMessages
import DocketTestSupport
import Testing

@Suite("google.rpc.Status")
struct StatusMessageTests {
    private static let full = StatusMessage(
        code: 8, message: "quota “é” is used up",
        details: [
            .retryInfo(delay: .milliseconds(1_500)), .retryInfo(delay: .zero),
            .retryInfo(delay: .seconds(-1) - .nanoseconds(1)),
            .badRequest([
                .init(field: "events[3].actor.id", description: "600 bytes exceed 512"),
                .init(field: "", description: ""),
            ]),
            .badRequest([]), .quotaFailure([.init(subject: "tenant:a", description: "1,000 events/s")]),
            .errorInfo(reason: "REPLAY_WITH_OTHER_CONTENT"), .errorInfo(reason: "", domain: ""),
            .other(typeURL: "type.googleapis.com/x.Y", value: [1, 2, 0, 255]),
        ])

    @Test(
        "a status comes back as it went",
        arguments: [full, StatusMessage(code: 0, message: ""), StatusMessage(code: -1, message: "\0x")])
    func roundTrip(status: StatusMessage) throws {
        #expect(try StatusMessage(serialized: status.serialized()) == status)
    }

    @Test("the bytes are those that stock protobuf writes")
    func golden() {
        // python: Status(code=8, message="no", details=[Any packed RetryInfo(retry_delay=Duration(seconds=1,
        // nanos=5))])
        let expected: [UInt8] =
            [0x08, 0x08, 0x12, 0x02] + Array("no".utf8) + [0x1A, 0x32, 0x0A, 0x28]
            + Array("type.googleapis.com/google.rpc.RetryInfo".utf8)
            + [0x12, 0x06, 0x0A, 0x04, 0x08, 0x01, 0x10, 0x05]
        let status = StatusMessage(code: 8, message: "no", details: [.retryInfo(delay: .seconds(1) + .nanoseconds(5))])
        #expect(status.serialized() == expected)
    }

    @Test("an empty status is no bytes at all, and the reverse")
    func empty() throws {
        #expect(StatusMessage(code: 0, message: "").serialized() == [])
        #expect(try StatusMessage(serialized: []) == StatusMessage(code: 0, message: ""))
    }

    @Test("the host of a type URL carries no meaning; a known type with foreign bytes is kept as it is")
    func typeURLs() throws {
        let other = StatusMessage(
            code: 3, message: "",
            details: [.other(typeURL: "example.org/a/google.rpc.ErrorInfo", value: [0x0A, 1, 65])])
        let read = try StatusMessage(serialized: other.serialized())
        #expect(read.details == [.errorInfo(reason: "A", domain: "")])

        let broken = StatusMessage(
            code: 3, message: "", details: [.other(typeURL: "x/google.rpc.BadRequest", value: [0x0A, 200])])
        #expect(try StatusMessage(serialized: broken.serialized()) == broken)
    }

    @Test("long texts are cut between characters, short ones and what is no text are left alone")
    func shortened() {
        #expect(Self.full.shortened() == Self.full)
        let most = StatusMessage.maxTextBytes
        let long = String(repeating: "é", count: most)
        let cut = String(repeating: "é", count: most / 2) + "…"
        let odd = StatusMessage(
            code: 3, message: "a" + long,
            details: [
                .badRequest([.init(field: long, description: long)]),
                .quotaFailure([.init(subject: long, description: long)]),
                .other(typeURL: "x/y", value: [UInt8](repeating: 1, count: 2 * most)),
            ])
        let expected = StatusMessage(
            code: 3, message: "a" + cut.dropFirst(),
            details: [
                .badRequest([.init(field: cut, description: cut)]),
                .quotaFailure([.init(subject: cut, description: cut)]),
                odd.details[2],
            ])
        #expect(odd.shortened() == expected)
    }

    @Test("a delay beyond what a Duration holds is cut; one that is no Duration is kept as bytes")
    func durations() throws {
        let huge = StatusMessage(code: 14, message: "", details: [.retryInfo(delay: .seconds(Int64.max))])
        #expect(
            try StatusMessage(serialized: huge.serialized()).details == [.retryInfo(delay: .seconds(315_576_000_000))])
        // nanos = 2,000,000,000.
        let value: [UInt8] = [0x0A, 6, 0x10, 0x80, 0xA8, 0xD6, 0xB9, 0x07]
        let wrong = StatusMessage(
            code: 14, message: "", details: [.other(typeURL: "x/google.rpc.RetryInfo", value: value)])
        #expect(try StatusMessage(serialized: wrong.serialized()) == wrong)
    }

    @Test("text that is not UTF-8 is repaired: the explanation is worth more than its form")
    func invalidText() throws {
        #expect(try StatusMessage(serialized: [0x12, 2, 0x41, 0xFF]).message == "A\u{FFFD}")
    }

    @Test("what is cut off or too long is refused")
    func refusals() {
        let bytes = Self.full.serialized()
        let cut = #expect(throws: MessageError.self) { try StatusMessage(serialized: Array(bytes.dropLast())) }
        #expect(cut?.code == .malformed)
        let long = #expect(throws: MessageError.self) {
            try StatusMessage(serialized: [UInt8](repeating: 0, count: 65_537))
        }
        #expect(long?.code == .tooLong)
    }

    @Test("empty details that would fill the memory are refused instead")
    func expansion() {
        // 30,000 times field 3 with nothing in it: 60 KB that would unpack to several megabytes.
        let bytes = [[UInt8]](repeating: [0x1A, 0], count: 30_000).flatMap { $0 }
        let error = #expect(throws: MessageError.self) { try StatusMessage(serialized: bytes) }
        #expect(error?.code == .malformed)
    }

    @Test("damaged bytes never trap")
    func damaged() {
        var generator = SeededGenerator.ofRun("damaged statuses")
        let good = Self.full.serialized()
        for _ in 0..<5_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...20, using: &generator))
            guard let read = try? StatusMessage(serialized: bytes) else { continue }
            #expect((try? StatusMessage(serialized: read.serialized())) != nil)
        }
    }
}
