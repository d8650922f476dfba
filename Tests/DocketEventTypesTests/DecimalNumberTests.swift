import DocketTestSupport
import Testing

@testable import DocketEventTypes

@Suite("A decimal number")
struct DecimalNumberTests {
    /// Rising; each entry's spellings are equal.
    private static let ladder: [[String]] = [
        ["-1e131071"], ["-123.5", "-1235e-1", "-0.1235e3"], ["-123"], ["-1"], ["-1e-5", "-0.00001"], ["-1e-16383"],
        ["0", "-0", "0.0", "-0.000", "0e99", "0E-99", "0.0e+5"], ["1e-16383"], ["0.00001", "1e-5", "10e-6"],
        ["0.1", "0.100", "1e-1"], ["0.10000000000000001"], ["0.11"], ["1", "1.0", "10e-1", "0.1e1", "1e0", "1E+0"],
        ["1.00001"],
        ["9"], ["9.5"], ["10", "1e1", "10.0"], ["99"], ["100", "1e2", "100.000"], ["100.5"], ["101"],
        ["9007199254740992"], ["9007199254740993"], ["18446744073709551616", "1.8446744073709551616e19"],
        ["1e131071", "10e131070"],
    ]

    @Test("compares by its exact value, however it is written")
    func order() {
        let numbers = Self.ladder.enumerated().flatMap { rung, texts in texts.map { (rung, DecimalNumber($0)) } }
        for (rung, number) in numbers {
            for (otherRung, other) in numbers {
                #expect((number < other) == (rung < otherRung), "\(number) \(other)")
                #expect((number == other) == (rung == otherRung), "\(number) \(other)")
                if number == other { #expect(number.hashValue == other.hashValue) }
            }
        }
    }

    @Test(
        "knows whether it is whole",
        arguments: [
            ("0", true), ("-0.0", true), ("1", true), ("1.0", true), ("10e-1", true), ("1e5", true), ("1.5e1", true),
            ("120e-1", true),
            ("1.5", false), ("15e-1", false), ("1e-1", false), ("0.5", false), ("105e-1", false), ("1e-99999", false),
            ("100000000000000000000.5", false),
        ])
    func integers(_ text: String, _ isInteger: Bool) {
        #expect(DecimalNumber(text).isInteger == isInteger)
    }

    @Test("agrees with arithmetic on 64 bits")
    func sixtyFourBits() {
        var random = SeededGenerator.ofRun()
        func spelling(_ value: Int64) -> String {
            let text = String(value)
            switch Int.random(in: 0...3, using: &random) {
            case 0: return text
            case 1: return text + ".0"
            case 2: return text + "0e-1"
            default: return text + "e0"
            }
        }
        for _ in 0..<5000 {
            let shift = Int64.random(in: 0...62, using: &random)
            let left = Int64.random(in: .min ... .max, using: &random) >> shift
            let right = Bool.random(using: &random) ? left : Int64.random(in: .min ... .max, using: &random) >> shift
            let (one, other) = (DecimalNumber(spelling(left)), DecimalNumber(spelling(right)))
            #expect((one < other) == (left < right) && (one == other) == (left == right), "\(one) \(other)")
            #expect(one.isInteger)
        }
    }
}
