/// Looks for a text in others, A to Z in either case, in time proportional to their lengths (Knuth, Morris and Pratt: "Fast
/// Pattern Matching in Strings"): both are chosen by others, and nobody's choice may cost more than that.
struct TextSearch: Sendable {
    /// A to Z in lower case.
    private let wanted: [UInt8]
    /// For each length of a beginning of `wanted`, the length of its longest end that is a beginning too.
    private let borders: [Int]

    init(_ text: String) {
        let wanted = text.utf8.map(Self.lowercased)
        var borders = [0, 0]
        var length = 0
        for index in wanted.indices.dropFirst() {
            while length > 0, wanted[index] != wanted[length] { length = borders[length] }
            if wanted[index] == wanted[length] { length += 1 }
            borders.append(length)
        }
        self.wanted = wanted
        self.borders = borders
    }

    /// Whether the text is in these bytes. The empty one is in all.
    func finds(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !self.wanted.isEmpty else { return true }
        var length = 0
        for index in bytes.indices {
            let byte = unsafe Self.lowercased(bytes[index])
            while length > 0, byte != self.wanted[length] { length = self.borders[length] }
            if byte == self.wanted[length] { length += 1 }
            if length == self.wanted.count { return true }
        }
        return false
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
