import Foundation
import Testing

/// A generator that replays: SplitMix64 (Steele, Lea, Flood 2014), seeded from `DOCKET_TEST_SEED` or at random.
struct TestRandom: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64) {
        self.seed = seed
        self.state = seed
    }

    /// The generator of a test run. Its seed is printed, so that a failure can be run again.
    init() {
        let given = ProcessInfo.processInfo.environment["DOCKET_TEST_SEED"].flatMap(UInt64.init)
        self.init(seed: given ?? UInt64.random(in: 0...UInt64.max))
        print("DOCKET_TEST_SEED=\(self.seed)")
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// True in one of so many cases.
    mutating func oneIn(_ cases: Int) -> Bool { Int.random(in: 0..<cases, using: &self) == 0 }

    /// Text with all that makes trouble: quotes, controls, combining marks, characters of one to four bytes.
    mutating func text(maxLength: Int = 12) -> String {
        let alphabet = Array("ab\"\\/\n\r\t\u{1}\u{1F}\u{7F} é\u{301}ß€漢🦀{}[]:,\u{2028}\u{FEFF}")
        return String(
            (0..<Int.random(in: 0...maxLength, using: &self)).map { _ in alphabet.randomElement(using: &self) ?? "x" })
    }
}
