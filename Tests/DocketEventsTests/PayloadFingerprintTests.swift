import DocketEvents
import DocketModel
import Testing

@Suite("The fingerprint of a payload")
struct PayloadFingerprintTests {
    // FIPS 180-4, examples of SHA-256.
    private static let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    private static let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    private static let million = "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

    @Test("is the SHA-256 of the input, its size, and the output's")
    func whole() {
        #expect(PayloadFingerprint(ofInput: Array("abc".utf8)) == PayloadFingerprint(hash: Self.abc, inSizeBytes: 3))
        #expect(
            PayloadFingerprint(ofInput: "abc".utf8, output: "okay".utf8)
                == PayloadFingerprint(hash: Self.abc, inSizeBytes: 3, outSizeBytes: 4))
        #expect(
            PayloadFingerprint(ofInput: [], output: [])
                == PayloadFingerprint(hash: Self.empty, inSizeBytes: 0, outSizeBytes: 0))
    }

    @Test("doesn't depend on how the bytes lie in memory")
    func layouts() {
        let expected = PayloadFingerprint(hash: Self.million, inSizeBytes: 1_000_000)
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(PayloadFingerprint(ofInput: bytes) == expected)
        #expect(PayloadFingerprint(ofInput: ([0] + bytes)[1...]) == expected)
        #expect(PayloadFingerprint(ofInput: repeatElement(UInt8(ascii: "a"), count: 1_000_000)) == expected)
        #expect(
            PayloadFingerprint(ofInput: sequence(state: 0) { $0 < 1_000_000 ? ($0 += 1, bytes[$0 - 1]).1 : nil })
                == expected)
    }

    @Test("of pieces is that of the whole", arguments: [1, 3, 64, 4095, 4096, 4097])
    func pieces(_ pieceBytes: Int) {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
        let pieces = stride(from: 0, to: bytes.count, by: pieceBytes).map {
            bytes[$0..<min($0 + pieceBytes, bytes.count)]
        }
        #expect(PayloadFingerprint(ofInputPieces: pieces) == PayloadFingerprint(ofInput: bytes))
        #expect(
            PayloadFingerprint(ofInputPieces: pieces.map { $0.lazy.map(\.self) }) == PayloadFingerprint(ofInput: bytes))
    }

    @Test("can be taken while bytes go on coming")
    func stream() {
        var hasher = PayloadHasher()
        #expect(hasher.fingerprint == PayloadFingerprint(hash: Self.empty, inSizeBytes: 0))
        hasher.addInput("a".utf8)
        let first = hasher.fingerprint
        var copy = hasher
        copy.addInput("x".utf8)
        hasher.addInput("bc".utf8)
        hasher.addOutput(byteCount: 4)
        hasher.addOutput(byteCount: 5)
        #expect(first == PayloadFingerprint(ofInput: "a".utf8))
        #expect(hasher.fingerprint == PayloadFingerprint(hash: Self.abc, inSizeBytes: 3, outSizeBytes: 9))
        #expect(copy.fingerprint == PayloadFingerprint(ofInput: "ax".utf8))
    }

    @Test("counts as much as 64 bits hold")
    func bounds() {
        var hasher = PayloadHasher()
        hasher.addOutput(byteCount: .max)
        hasher.addOutput(byteCount: 1)
        #expect(hasher.fingerprint.outSizeBytes == .max)
    }
}
