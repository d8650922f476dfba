import DocketTestSupport
import Testing

@testable import DocketCodec

@Suite("Looking for a text")
struct TextSearchTests {
    private func finds(_ text: String, in other: String) -> Bool {
        Array(other.utf8).withUnsafeBytes { TextSearch(text).finds($0) }
    }

    @Test("finds it anywhere, A to Z in either case, and nothing else in either")
    func cases() {
        for (text, other, expected) in [
            ("rule", "Because of RULE 7", true), ("RULE", "rule", true), ("rule", "rul", false), ("", "", true),
            ("a", "", false), ("aab", "aaab", true), ("ä", "Ä", false), ("[", "{", false), ("@", "`", false),
            ("e", "\u{E9}", false),
        ] {
            #expect(self.finds(text, in: other) == expected, "'\(text)' in '\(other)'")
        }
    }

    @Test("finds what the plainest search finds")
    func plain() {
        var generator = SeededGenerator.ofRun()
        for _ in 0..<3_000 {
            func letters(_ count: ClosedRange<Int>) -> String {
                String(
                    (0..<Int.random(in: count, using: &generator)).map { _ in
                        "abAB".randomElement(using: &generator) ?? "a"
                    })
            }
            let (text, other) = (letters(1...6), letters(0...30))
            #expect(
                self.finds(text, in: other) == other.lowercased().contains(text.lowercased()), "'\(text)' in '\(other)'"
            )
        }
    }

    @Test("looks at no byte much more than once, however the two are made for the opposite")
    func linear() {
        // By trying each place this would take 10^9 steps.
        let text = String(repeating: "a", count: 1_000) + "b"
        #expect(!self.finds(text, in: String(repeating: "a", count: 1_000_000)))
        #expect(self.finds(text, in: String(repeating: "a", count: 1_000_000) + "b"))
    }
}
