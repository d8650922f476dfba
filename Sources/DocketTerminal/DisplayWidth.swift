// How many columns of a terminal a text takes, after Unicode Standard Annex 11 (East Asian Width) and Unicode Technical
// Standard 51 (emoji), as common terminals draw it.

extension Character {
    /// How many columns the character takes: 0, 1 or 2. A character with combining marks takes as many as its base.
    package var displayWidth: Int {
        guard let first = self.unicodeScalars.first else { return 0 }
        // A joined or flagged emoji, or one with the variation selector for emoji, is drawn as one wide picture.
        if self.unicodeScalars.contains(where: { $0 == "\u{FE0F}" || $0 == "\u{200D}" || $0.isRegionalIndicator }) {
            return 2
        }
        return first.displayWidth
    }
}

extension StringProtocol {
    /// How many columns the text takes.
    package var displayWidth: Int {
        // Nearly all audit text is printable ASCII.
        if self.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return self.utf8.count }
        return self.reduce(0) { $0 + $1.displayWidth }
    }
}

extension Unicode.Scalar {
    /// How many columns the scalar takes by itself.
    fileprivate var displayWidth: Int {
        switch self.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control, .lineSeparator, .paragraphSeparator: 0
        default: self.properties.isEmojiPresentation || self.isWide ? 2 : 1
        }
    }

    fileprivate var isRegionalIndicator: Bool { (0x1F1E6...0x1F1FF).contains(self.value) }

    /// East Asian Width W or F.
    private var isWide: Bool {
        guard self.value >= 0x1100 else { return false }
        return Self.wideRanges.contains { $0.contains(self.value) }
    }

    /// The blocks whose characters are wide, from EastAsianWidth.txt; emoji have a property of their own.
    private static let wideRanges: [ClosedRange<UInt32>] = [
        0x1100...0x115F,  // Hangul initial consonants
        0x2329...0x232A,  // angle brackets
        0x2E80...0x303E,  // CJK radicals, Kangxi, CJK punctuation
        0x3041...0x4DBF,  // kana, bopomofo, Hangul compatibility, CJK compatibility, CJK extension A
        0x4E00...0xA4CF,  // CJK unified ideographs, Yi
        0xA960...0xA97F,  // Hangul extended A
        0xAC00...0xD7A3,  // Hangul syllables
        0xF900...0xFAFF,  // CJK compatibility ideographs
        0xFE10...0xFE19,  // vertical forms
        0xFE30...0xFE6F,  // CJK compatibility forms, small forms
        0xFF00...0xFF60,  // fullwidth forms
        0xFFE0...0xFFE6,  // fullwidth signs
        0x16FE0...0x18DFF,  // Tangut, Khitan
        0x1AFF0...0x1B2FF,  // kana extensions, Nushu
        0x1F200...0x1F2FF,  // enclosed ideographs
        0x20000...0x3FFFD,  // CJK extensions B and later
    ]
}
