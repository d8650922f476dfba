/// A SHA-256 hash: 32 bytes by value, so that a tree of them needs no allocation for each.
package struct MerkleHash: Sendable, Hashable {
    // The bytes in the order of memory, whatever the machine's byte order.
    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// How many bytes a hash has.
    package static let sizeBytes = 32

    /// 32 zero bytes.
    init() { self.words = (0, 0, 0, 0) }

    /// The hash of exactly 32 bytes; `nil` for any other number of bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.sizeBytes else { return nil }
        self.init()
        unsafe self.withUnsafeMutableBytes { unsafe $0.copyBytes(from: bytes) }
    }

    /// The 32 bytes.
    package var bytes: [UInt8] { unsafe self.withUnsafeBytes { unsafe [UInt8]($0) } }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        unsafe Swift.withUnsafeBytes(of: self.words) { unsafe body($0) }
    }

    mutating func withUnsafeMutableBytes(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        unsafe Swift.withUnsafeMutableBytes(of: &self.words) { unsafe body($0) }
    }

    package static func == (left: MerkleHash, right: MerkleHash) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.words.0)
        hasher.combine(self.words.1)
        hasher.combine(self.words.2)
        hasher.combine(self.words.3)
    }
}

extension MerkleHash: CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: self.bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
