import DocketCompression

/// gzip of a peer: never more comes out than the cap, and the cap is exact.
enum GzipTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let cap = Int(input.byte()) << Int(input.byte() & 15)
        let bytes = input.remaining()
        try self.roundTrip(bytes)
        let plain: [UInt8]
        do throws(CompressionError) {
            plain = try Gzip.decompress(bytes, maxBytes: cap)
        } catch {
            return
        }
        try require(plain.count <= cap, "\(plain.count) bytes came out under a cap of \(cap)")
        let exact = try requireNoError("what fits a larger cap") { () throws(CompressionError) in
            try Gzip.decompress(bytes, maxBytes: plain.count)
        }
        try requireEqual(exact, plain, "what comes out under the exact cap")
        if !plain.isEmpty {
            try requireEqual(
                self.fault(of: bytes, maxBytes: plain.count - 1), .tooLarge, "the fault of what exceeds the cap by one")
        }
        try self.roundTrip(plain)
        // Members one after the other are what they hold, one after the other.
        let twice = try requireNoError("two members") { () throws(CompressionError) in
            try Gzip.decompress(bytes + bytes, maxBytes: 2 * plain.count)
        }
        try requireEqual(twice, plain + plain, "what two members hold")
    }

    private static func fault(of bytes: [UInt8], maxBytes: Int) -> CompressionError.Code? {
        do throws(CompressionError) {
            _ = try Gzip.decompress(bytes, maxBytes: maxBytes)
            return nil
        } catch {
            return error.code
        }
    }

    private static func roundTrip(_ bytes: [UInt8]) throws(FuzzFinding) {
        let back = try requireNoError("compressing and back") { () throws(CompressionError) in
            try Gzip.decompress(try Gzip.compress(bytes, level: 1), maxBytes: bytes.count)
        }
        try requireEqual(back, bytes, "what was compressed")
    }
}
