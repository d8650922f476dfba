import DocketGRPC
import DocketHeaders
import DocketTestSupport
import Testing

@Suite("grpc-message percent-encoding")
struct PercentEncodingTests {
    @Test(
        "space and visible ASCII but % stay as they are, all else becomes %XX",
        arguments: [
            ("", ""), ("plain, with ~ and space", "plain, with ~ and space"), ("100%", "100%25"),
            ("a\tb\r\n", "a%09b%0D%0A"),
            ("\u{7F}", "%7F"), ("é", "%C3%A9"), ("🗂", "%F0%9F%97%82"), ("\0", "%00"),
        ])
    func encodes(text: String, encoded: String) {
        #expect(PercentEncoding.encode(text) == Array(encoded.utf8))
        #expect(PercentEncoding.decode(encoded.utf8) == text)
    }

    @Test(
        "broken encodings are kept, never refused",
        arguments: [
            ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("50% off", "50% off"), ("%%41", "%A"), ("%4%41", "%4A"),
            ("%c3%a9", "é"), ("%FF", "\u{FFFD}"), ("%C3", "\u{FFFD}"),
        ])
    func decodesAnything(encoded: String, text: String) {
        #expect(PercentEncoding.decode(encoded.utf8) == text)
    }

    @Test("any text comes back as it was")
    func roundTrip() {
        var generator = SeededGenerator.ofRun("percent-encoding")
        for _ in 0..<500 {
            let scalars = (0..<Int.random(in: 0...30, using: &generator)).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &generator))
            }
            let text = String(String.UnicodeScalarView(scalars))
            let encoded = PercentEncoding.encode(text)
            #expect(encoded.allSatisfy { (0x20...0x7E).contains($0) })
            #expect(PercentEncoding.decode(encoded).unicodeScalars.elementsEqual(text.unicodeScalars))
        }
    }
}

@Suite("binary metadata")
struct BinaryMetadataTests {
    @Test(
        "the vectors of RFC 4648 section 10, sent without padding and read with and without it",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(text: String, padded: String) {
        let unpadded = padded.filter { $0 != "=" }
        #expect(Base64.encode(Array(text.utf8)) == Array(unpadded.utf8))
        #expect(Base64.decode(Array(padded.utf8)) == Array(text.utf8))
        #expect(Base64.decode(Array(unpadded.utf8)) == Array(text.utf8))
    }

    @Test(
        "what is not base64 is refused",
        arguments: ["Z", "Zg=", "Zg===", "Z===", "=", "Zm9=v", "Zm9v=", "Zm 9v", "Zm-_", "Zh", "Zm9"])
    func refuses(text: String) {
        #expect(Base64.decode(Array(text.utf8)) == nil)
    }

    @Test("any bytes come back as they were, in a header too, also joined with a comma")
    func roundTrip() {
        var generator = SeededGenerator.ofRun("base64")
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var headers = HeaderList()
            headers.appendBinary("x-bin", bytes)
            let joined = headers.value(at: 0) + "," + headers.value(at: 0)
            headers.append("x-bin", joined)
            #expect(headers.binaryValues(of: "x-bin") == [bytes, bytes, bytes])
        }
    }
}

@Suite("grpc-timeout")
struct GRPCTimeoutTests {
    @Test(
        "each unit is read",
        arguments: [
            ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
            ("5u", .microseconds(5)), ("6n", .nanoseconds(6)), ("99999999H", .seconds(359_999_996_400)), ("0S", .zero),
            ("00000001S", .seconds(1)),
        ])
    func decodes(text: String, timeout: Duration) {
        #expect(GRPCTimeout.decode(text.utf8) == timeout)
    }

    @Test(
        "everything else is refused",
        arguments: ["", "S", "1", "1s", "1h", "-1S", "+1S", "1.5S", "100000000S", " 1S", "1S ", "1SS", "S1", "１S"])
    func refuses(text: String) {
        #expect(GRPCTimeout.decode(text.utf8) == nil)
    }

    @Test(
        "a duration is sent in the finest unit that takes at most 8 digits, rounded up",
        arguments: [
            (Duration.nanoseconds(1), "1n"), (.nanoseconds(99_999_999), "99999999n"),
            (.nanoseconds(100_000_001), "100001u"),
            (.seconds(1), "1000000u"), (.seconds(100), "100000m"), (.seconds(100_000), "100000S"),
            (.milliseconds(99_999_999), "99999999m"), (.milliseconds(100_000_001), "100001S"),
            (.seconds(100_000_000), "1666667M"),
            (.seconds(359_999_996_400), "99999999H"), (.seconds(Int64.max), "99999999H"), (.zero, "1n"),
            (.seconds(-5), "1n"),
            (Duration(secondsComponent: 0, attosecondsComponent: 1), "1n"),
        ])
    func encodes(timeout: Duration, text: String) {
        #expect(GRPCTimeout.encode(timeout) == text)
    }

    @Test("what is sent is never shorter than what was meant, and at most a hundred-thousandth longer")
    func roundTrip() throws {
        var generator = SeededGenerator.ofRun("grpc-timeout")
        for _ in 0..<2_000 {
            let bits = Int.random(in: 0...52, using: &generator)
            let meant = Duration.nanoseconds(Int64.random(in: 1...(1 << bits), using: &generator))
            let sent = try #require(GRPCTimeout.decode(GRPCTimeout.encode(meant).utf8))
            #expect(sent >= meant)
            #expect(sent - meant <= meant / 100_000)
        }
    }
}
