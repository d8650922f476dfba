import Foundation

/// Random numbers that a seed repeats everywhere: SplitMix64 (Steele, Lea, Flood 2014).
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    package let seed: UInt64
    private var state: UInt64

    package init(seed: UInt64) {
        self.seed = seed
        self.state = seed
    }

    /// The generator of a test run, with the seed of ``testSeed(_:)``.
    package static func ofRun(_ test: String = #function) -> SeededGenerator { SeededGenerator(seed: testSeed(test)) }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    /// True in one of so many cases.
    package mutating func oneIn(_ cases: Int) -> Bool { Int.random(in: 0..<cases, using: &self) == 0 }

    /// Text with all that makes trouble: quotes, controls, combining marks, characters of one to four bytes.
    package mutating func text(maxLength: Int = 12) -> String {
        let alphabet = Array("ab\"\\/\n\r\t\u{1}\u{1F}\u{7F} é\u{301}ß€漢🦀{}[]:,\u{2028}\u{FEFF}")
        return String(
            (0..<Int.random(in: 0...maxLength, using: &self)).map { _ in alphabet.randomElement(using: &self) ?? "x" })
    }
}

/// The seed of a randomised test: `DOCKET_TEST_SEED` where it is set, to repeat a failure; else a new one. Printed either
/// way.
package func testSeed(_ test: String = #function) -> UInt64 {
    let given = ProcessInfo.processInfo.environment["DOCKET_TEST_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): DOCKET_TEST_SEED=\(seed)")
    return seed
}
