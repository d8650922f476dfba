import DocketCompression
import DocketTestSupport
import Testing

@Suite("gzip")
struct GzipTests {
    /// `printf 'docket' | gzip -n`.
    private let docketByGzip: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x4b, 0xc9, 0x4f, 0xce, 0x4e, 0x2d, 0x01, 0x00,
        0x98, 0x5a, 0x36, 0x1b, 0x06, 0x00, 0x00, 0x00,
    ]

    @Test("what the gzip command wrote is read")
    func foreignGzip() throws {
        #expect(try Gzip.decompress(self.docketByGzip, maxBytes: 100) == Array("docket".utf8))
    }

    @Test("bytes of any kind come back as they were", arguments: [0, 1, 2, 511, 512, 513, 65_536, 1_000_003])
    func roundTrip(count: Int) throws {
        var generator = SeededGenerator.ofRun("gzip round trip of \(count)")
        let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let repetition = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) }
        for bytes in [noise, repetition, [UInt8](repeating: 0, count: count)] {
            for level in [1, Gzip.defaultLevel, 9] {
                let compressed = try Gzip.compress(bytes, level: level)
                #expect(try Gzip.decompress(compressed, maxBytes: count) == bytes)
            }
        }
    }

    @Test("compression makes repetition small")
    func compresses() throws {
        #expect(try Gzip.compress([UInt8](repeating: 7, count: 100_000)).count < 500)
    }

    @Test("exactly the limit passes, one byte more does not, and the error names the limit")
    func cap() throws {
        let compressed = try Gzip.compress([UInt8](repeating: 1, count: 10_000))
        #expect(try Gzip.decompress(compressed, maxBytes: 10_000).count == 10_000)
        let error = #expect(throws: CompressionError.self) { try Gzip.decompress(compressed, maxBytes: 9_999) }
        #expect(error?.code == .tooLarge)
        #expect(error?.message.contains("9999") == true)
    }

    @Test("a bomb stops at the limit, whatever size it claims", arguments: [0, 1000, 1 << 20])
    func bomb(maxBytes: Int) throws {
        var bomb = try Gzip.compress([UInt8](repeating: 0, count: 32 << 20))
        #expect(throws: CompressionError.self) { try Gzip.decompress(bomb, maxBytes: maxBytes) }
        // The size in the last four bytes is a lie now.
        bomb.replaceSubrange((bomb.count - 4)..., with: [1, 0, 0, 0])
        let error = #expect(throws: CompressionError.self) { try Gzip.decompress(bomb, maxBytes: maxBytes) }
        #expect(error?.code == .tooLarge)
    }

    @Test("several members one after the other read as one")
    func members() throws {
        let bytes = try self.docketByGzip + Gzip.compress([]) + Gzip.compress(Array(" log".utf8))
        #expect(try Gzip.decompress(bytes, maxBytes: 10) == Array("docket log".utf8))
        let error = #expect(throws: CompressionError.self) { try Gzip.decompress(bytes, maxBytes: 9) }
        #expect(error?.code == .tooLarge)
    }

    @Test("every true prefix is truncated", arguments: 0..<26)
    func truncated(count: Int) {
        let error = #expect(throws: CompressionError.self) {
            try Gzip.decompress(Array(self.docketByGzip.prefix(count)), maxBytes: 100)
        }
        #expect(error?.code == .truncated)
    }

    @Test(
        "something else behind a member is refused",
        arguments: [[0], [0x1f], Array("garbage".utf8), [UInt8](repeating: 0, count: 20)])
    func trailingGarbage(garbage: [UInt8]) {
        #expect(throws: CompressionError.self) { try Gzip.decompress(self.docketByGzip + garbage, maxBytes: 100) }
    }

    // Byte 17 ends the deflate data; all but two of its bits are padding, which nothing covers.
    @Test("a flipped bit anywhere in body or checksum is found", arguments: Array(10..<17) + Array(18..<26))
    func damage(index: Int) {
        for bit in 0..<8 {
            var bytes = self.docketByGzip
            bytes[index] ^= 1 << UInt8(bit)
            #expect(throws: CompressionError.self) { try Gzip.decompress(bytes, maxBytes: 100) }
        }
    }

    @Test("zlib streams and plain text are not gzip")
    func otherFormats() {
        for bytes in [[0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01], Array("plain text".utf8)] as [[UInt8]] {
            let error = #expect(throws: CompressionError.self) { try Gzip.decompress(bytes, maxBytes: 100) }
            #expect(error?.code == .corrupt)
        }
    }

    @Test("random bytes never trap")
    func randomInput() {
        var generator = SeededGenerator.ofRun("random gzip input")
        for _ in 0..<2_000 {
            var bytes = self.docketByGzip
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let count = (try? Gzip.decompress(bytes, maxBytes: 1_000))?.count ?? 0
            #expect(count <= 1_000)
        }
    }
}
