import DocketCompression
import DocketGRPC
import DocketTestSupport
import Testing

@Suite("message framing")
struct MessageDeframerTests {
    private let messages: [[UInt8]] = [
        pattern(7), [], pattern(1, seed: 9), pattern(30, seed: 3), [], pattern(300, seed: 5),
    ]

    private var wire: [UInt8] { self.messages.flatMap { framed($0) } }

    /// What comes of bytes given in pieces, granting each reservation at once, or only when the next piece has come
    /// too.
    private func run(
        _ pieces: [some Sequence<UInt8>], maxMessageBytes: Int = 1000, encoding: GRPCEncoding = .identity,
        grantsLate: Bool = false
    ) -> (messages: [[UInt8]], last: DeframerAction?) {
        var deframer = MessageDeframer(maxMessageBytes: maxMessageBytes, encoding: encoding)
        var messages: [[UInt8]] = []
        var last: DeframerAction?
        func drain(_ deframer: inout MessageDeframer) {
            if grantsLate { deframer.reservationGranted() }
            while let action = deframer.next() {
                switch action {
                case .reserve: if !grantsLate { deframer.reservationGranted() }
                case .message(let message, _): messages.append(message)
                case .end, .fail: last = action
                }
            }
        }
        for piece in pieces {
            deframer.receive(piece)
            drain(&deframer)
        }
        deframer.receivedEnd()
        for _ in 0...self.messages.count { drain(&deframer) }
        return (messages, last)
    }

    @Test("a frame is a flag, a big-endian length and the message", arguments: [0, 1, 255, 256, 70_000])
    func frame(count: Int) {
        let message = pattern(count)
        #expect(MessageFraming.frame(message) == framed(message))
        var buffer = [UInt8](repeating: 0xEE, count: MessageFraming.prefixBytes) + message
        MessageFraming.writePrefix(into: &buffer)
        #expect(buffer == framed(message))
    }

    @Test("a lowered limit holds, a raised one doesn't")
    func loweredLimit() {
        for (limit, longest) in [(10, 10), (1_000, 100)] {
            var deframer = MessageDeframer(maxMessageBytes: 100)
            deframer.limitMessages(toBytes: limit)
            deframer.receive(framed(pattern(longest + 1)))
            guard case .fail(let status)? = deframer.next() else {
                Issue.record("\(longest + 1) bytes must be refused")
                continue
            }
            #expect(status.code == .resourceExhausted && status.message.contains("exceeds \(longest) bytes"))
            deframer = MessageDeframer(maxMessageBytes: 100)
            deframer.limitMessages(toBytes: limit)
            deframer.receive(framed(pattern(longest)))
            #expect(deframer.next() == .reserve(wireBytes: longest, heapBytes: longest))
        }
    }

    @Test("messages come out whole wherever the stream is split in two", arguments: [false, true])
    func everySplit(grantsLate: Bool) {
        for split in 0...self.wire.count {
            let result = self.run([self.wire[..<split], self.wire[split...]], grantsLate: grantsLate)
            #expect(result.messages == self.messages, "split at \(split)")
            #expect(result.last == .end)
        }
    }

    @Test("messages come out whole wherever the first three are split in three")
    func everyPairOfSplits() {
        let head = Array(self.wire.prefix(24))
        for first in 0...head.count {
            for second in first...head.count {
                let result = self.run(
                    [head[..<first], head[first..<second], head[second...]], grantsLate: second % 2 == 0)
                #expect(result.messages == Array(self.messages.prefix(3)), "split at \(first) and \(second)")
            }
        }
    }

    @Test("messages come out whole byte by byte", arguments: [false, true])
    func byteByByte(grantsLate: Bool) {
        let result = self.run(self.wire.map { [$0] }, grantsLate: grantsLate)
        #expect(result.messages == self.messages)
        #expect(result.last == .end)
    }

    @Test("messages come out whole from random splits with grants at random times")
    func randomSplits() {
        var generator = SeededGenerator.ofRun("random splits")
        for round in 0..<400 {
            let messages = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                pattern(Int.random(in: 0...Int.random(in: 1...3000, using: &generator), using: &generator), seed: round)
            }
            var rest = messages.flatMap { framed($0) }[...]
            var deframer = MessageDeframer(maxMessageBytes: 3000)
            var seen: [[UInt8]] = []
            var isAsked = false
            var ended = false
            while !ended {
                if !rest.isEmpty, Bool.random(using: &generator) {
                    let count = Int.random(in: 0...Int.random(in: 1...4000, using: &generator), using: &generator)
                    deframer.receive(rest.prefix(count))
                    rest = rest.dropFirst(count)
                    if rest.isEmpty { deframer.receivedEnd() }
                }
                if isAsked, Bool.random(using: &generator) {
                    deframer.reservationGranted()
                    isAsked = false
                }
                while let action = deframer.next() {
                    switch action {
                    case .reserve(let wireBytes, let heapBytes):
                        #expect(!isAsked && wireBytes == messages[seen.count].count && heapBytes == wireBytes)
                        isAsked = true
                    case .message(let message, _): seen.append(message)
                    case .end: ended = true
                    case .fail(let status):
                        Issue.record("\(status)")
                        ended = true
                    }
                }
            }
            #expect(seen == messages)
        }
    }

    @Test("nothing comes between a reservation and its grant, and a stray grant changes nothing")
    func waitsForGrant() {
        var deframer = MessageDeframer(maxMessageBytes: 10)
        deframer.reservationGranted()
        deframer.receive(framed([1, 2, 3]) + framed([4]))
        #expect(deframer.next() == .reserve(wireBytes: 3, heapBytes: 3))
        #expect(deframer.next() == nil)
        #expect(deframer.isWaitingForGrant)
        deframer.receivedEnd()
        #expect(deframer.next() == nil)
        deframer.reservationGranted()
        deframer.reservationGranted()
        #expect(deframer.next() == .message([1, 2, 3]))
        #expect(deframer.next() == .reserve(wireBytes: 1, heapBytes: 1))
        deframer.reservationGranted()
        #expect(deframer.next() == .message([4]))
        #expect(deframer.next() == .end)
        #expect(deframer.next() == nil)
    }

    @Test("the limit passes, one byte more is refused from the prefix alone")
    func limit() {
        var atLimit = MessageDeframer(maxMessageBytes: 10)
        atLimit.receive(framed(pattern(10)).prefix(5))
        #expect(atLimit.next() == .reserve(wireBytes: 10, heapBytes: 10))

        for prefix in [[0, 0, 0, 0, 11], [0, 0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]] {
            var over = MessageDeframer(maxMessageBytes: 10)
            over.receive(prefix)
            guard case .fail(let status) = over.next() else {
                Issue.record("a message over the limit was not refused")
                return
            }
            #expect(status.code == .resourceExhausted)
            #expect(status.message.contains("10 bytes"))
            over.receive(framed([1]))
            #expect(over.next() == nil)
        }
    }

    @Test("a message over the limit leaves nothing in memory, whatever came with it")
    func overLimitKeepsNothing() {
        var fromPrefix = MessageDeframer(maxMessageBytes: 10)
        fromPrefix.receive([0, 0, 0, 0, 11])
        var withBody = MessageDeframer(maxMessageBytes: 10)
        withBody.receive([0, 0, 0, 0, 11] + pattern(5_000))
        #expect(fromPrefix == withBody)
    }

    @Test("a flag other than 0 and 1 is refused", arguments: [2, 3, 128, 255] as [UInt8])
    func badFlag(flag: UInt8) {
        let result = self.run([framed([1], flag: flag)], encoding: .gzip)
        #expect(
            result.last == .fail(GRPCStatus(.internal, "a message's compressed-flag is \(flag); it must be 0 or 1")))
    }

    @Test("a compressed message without grpc-encoding is refused")
    func compressedWithoutEncoding() throws {
        let result = self.run([framed(try Gzip.compress([1]), flag: 1)])
        guard case .fail(let status) = result.last else { throw Missing() }
        #expect(status.code == .internal)
        #expect(status.message.contains("grpc-encoding"))
    }

    @Test("the end of the stream in the middle of a message is refused, wherever it comes")
    func truncated() throws {
        let wire = framed([9]) + framed(pattern(20))
        for count in 0...wire.count {
            for grantsLate in [false, true] {
                let result = self.run([wire.prefix(count)], grantsLate: grantsLate)
                switch count {
                case 0, 6, wire.count: #expect(result.last == .end, "\(count) bytes")
                default:
                    guard case .fail(let status) = result.last else { throw Missing() }
                    #expect(status.code == .internal)
                }
            }
        }
    }

    @Test("compressed and plain messages mix; a compressed one reserves what may come out of it too")
    func gzip() throws {
        let large = [UInt8](repeating: 7, count: 900)
        let compressed = try Gzip.compress(large)
        let wire = framed(compressed, flag: 1) + framed([1, 2])
        for split in 0...wire.count {
            let result = self.run([wire[..<split], wire[split...]], encoding: .gzip)
            #expect(result.messages == [large, [1, 2]])
        }
        var deframer = MessageDeframer(maxMessageBytes: 1000, encoding: .gzip)
        deframer.receive(wire)
        #expect(deframer.next() == .reserve(wireBytes: compressed.count, heapBytes: compressed.count + 1000))
    }

    @Test("a message that is small on the wire and over the limit once decompressed is refused")
    func bomb() throws {
        let bomb = framed(try Gzip.compress([UInt8](repeating: 0, count: 1_001)), flag: 1)
        guard case .fail(let status) = self.run([bomb], encoding: .gzip).last else { throw Missing() }
        #expect(status.code == .resourceExhausted)
        let fits = framed(try Gzip.compress([UInt8](repeating: 0, count: 1_000)), flag: 1)
        #expect(self.run([fits], encoding: .gzip).messages.map(\.count) == [1_000])
    }

    @Test("a message that says it is compressed and is not is refused")
    func notGzip() throws {
        guard case .fail(let status) = self.run([framed(pattern(50), flag: 1)], encoding: .gzip).last else {
            throw Missing()
        }
        #expect(status.code == .internal)
    }

    @Test("random bytes never trap and never yield a message over the limit")
    func randomInput() {
        var generator = SeededGenerator.ofRun("random frames")
        for _ in 0..<2_000 {
            let bytes = (0..<40).map { _ in
                Bool.random(using: &generator) ? 0 : UInt8.random(in: 0...255, using: &generator)
            }
            let result = self.run([bytes], maxMessageBytes: 20, encoding: .gzip)
            #expect(result.messages.allSatisfy { $0.count <= 20 })
            #expect(result.last != nil)
        }
    }
}

/// An expected value didn't come.
struct Missing: Error {}
