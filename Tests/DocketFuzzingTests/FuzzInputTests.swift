import Testing

@testable import DocketFuzzing

@Suite("What the fuzz targets share")
struct FuzzInputTests {
    @Test("cutting loses nothing, makes no empty piece, and cuts the same way again", arguments: UInt8.min...UInt8.max)
    func pieces(seed: UInt8) {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let pieces = Array(Pieces(of: bytes, seed: seed))
        #expect(pieces.flatMap { $0 } == bytes)
        #expect(pieces.allSatisfy { !$0.isEmpty && (seed == 0 || $0.count <= 1 << Int(seed & 15)) })
        #expect(Array(Pieces(of: bytes, seed: seed)) == pieces)
    }

    @Test("an input that is used up goes on with zeros")
    func shortInputs() {
        var input = FuzzInput([1, 2, 3])
        #expect(input.byte() == 1)
        #expect(input.bytes(5) == [2, 3])
        #expect(input.isAtEnd)
        #expect(input.byte() == 0)
        #expect(input.remaining() == [])
    }

    @Test("a broken oracle is a finding that shows both values, at a bearable length")
    func findings() {
        #expect(throws: FuzzFinding(message: "the sum: 3 is not 4")) { try requireEqual(3, 4, "the sum") }
        #expect(throws: Never.self) { try requireEqual(4, 4, "the sum") }
        let long = #expect(throws: FuzzFinding.self) {
            try requireEqual([UInt8](repeating: 7, count: 100_000), [], "the bytes")
        }
        #expect((long?.message.count ?? .max) < 5000)
    }
}
