/// What a record holds, for those who write and read it.
package struct RecordKind: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A batch under its name: the payload begins with a ``JournalBatchKey``.
    package static let batch = RecordKind(rawValue: 1)

    package var description: String { self == .batch ? "batch" : "\(self.rawValue)" }
}

/// A record that was read back.
package struct JournalRecord: Sendable, Equatable {
    /// Its place in the journal: the first record is 1, and each one is above those before it.
    package let index: UInt64
    package let kind: RecordKind
    package let payload: [UInt8]

    package init(index: UInt64, kind: RecordKind, payload: [UInt8]) {
        self.index = index
        self.kind = kind
        self.payload = payload
    }
}

/// The name of a batch, which the payload of a ``RecordKind/batch`` begins with: the producer's id in 16 bytes, then its sequence in 8,
/// the least byte first.
package struct JournalBatchKey: Sendable, Hashable {
    package static let byteCount = 24

    /// Bytes 0 to 7 of the producer's id, the first the most significant.
    package let producerHigh: UInt64
    /// Bytes 8 to 15.
    package let producerLow: UInt64
    package let sequence: Int64

    package init(producerHigh: UInt64, producerLow: UInt64, sequence: Int64) {
        self.producerHigh = producerHigh
        self.producerLow = producerLow
        self.sequence = sequence
    }

    /// The key that a payload begins with; `nil` when it is too short.
    package init?(payload: [UInt8]) { self.init(payload, at: 0) }

    init?(_ bytes: [UInt8], at offset: Int) {
        guard let high: UInt64 = bytes.number(at: offset), let low: UInt64 = bytes.number(at: offset + 8),
            let sequence: Int64 = bytes.number(at: offset + 16)
        else { return nil }
        self.init(producerHigh: high.byteSwapped, producerLow: low.byteSwapped, sequence: sequence)
    }

    package func append(to bytes: inout [UInt8]) {
        bytes.appendNumber(self.producerHigh.byteSwapped)
        bytes.appendNumber(self.producerLow.byteSwapped)
        bytes.appendNumber(self.sequence)
    }

    /// The producer's id as a UUID is written (RFC 9562 section 4).
    package var producerText: String {
        let digits = Array((hexadecimal(self.producerHigh) + hexadecimal(self.producerLow)).utf8)
        let parts = [digits[0..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20..<32]]
        return parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
    }
}
