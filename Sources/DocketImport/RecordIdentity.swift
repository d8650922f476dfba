internal import Crypto
package import DocketModel

/// Derives event ids from what a record says, so that a file imported again gives the same events.
///
/// The id of a record is made of the first 16 bytes of
///
///     d = SHA-256("docket.import.event.v1" 00 format 00 record)
///
/// and, where the file holds the same bytes once more, of SHA-256(d, n as 8 bytes big-endian) for the n-th repetition:
/// two equal lines are two events. Version and variant bits are set as RFC 9562 section 5.8 (UUIDv8) says.
///
/// Repetitions are told by remembering 8 bytes of each `d`: about 20 bytes of memory a record, the one thing that grows
/// with a file. Past ``maxRememberedRecords`` a record is told from its like by its place in the file instead.
package struct RecordIdentity: Sendable {
    private let prefix: [UInt8]
    private let maxRememberedRecords: Int
    private var seen: Set<UInt64> = []
    private var repetitions: [UInt64: UInt64] = [:]
    private var recordCount: UInt64 = 0

    /// - Parameters:
    ///   - format: The file's format.
    ///   - maxRememberedRecords: How many different records are remembered.
    package init(format: ImportFormat, maxRememberedRecords: Int = 1 << 24) {
        self.prefix = Array("docket.import.event.v1\0\(format.name)\0".utf8)
        self.maxRememberedRecords = maxRememberedRecords
    }

    /// The id of the file's next record. Records that can't be mapped count too, those that couldn't be cut out don't.
    package mutating func eventID(of record: [UInt8]) -> EventID {
        var hash = SHA256()
        hash.update(data: self.prefix)
        hash.update(data: record)
        let digest = Array(hash.finalize())
        let repetition = self.repetition(of: bigEndian(digest.prefix(8)))
        self.recordCount += 1
        guard repetition > 0 else { return uuidVersion8(digest) }
        return uuidVersion8(Array(SHA256.hash(data: digest + bigEndianBytes(repetition))))
    }

    /// How often the record was there before; past the bound a number that no repetition reaches.
    private mutating func repetition(of fingerprint: UInt64) -> UInt64 {
        guard self.seen.contains(fingerprint) else {
            guard self.seen.count < self.maxRememberedRecords else { return 1 << 63 | self.recordCount }
            self.seen.insert(fingerprint)
            return 0
        }
        self.repetitions[fingerprint, default: 0] += 1
        return self.repetitions[fingerprint, default: 0]
    }
}

/// Derives the producer id of an import from the file's content: the same file imported again is the same producer with
/// the same batches, so the collector answers each with the verdict that it has already.
///
///     SHA-256("docket.import.producer.v1" 00 format 00 content), the first 16 bytes, as UUIDv8
///
/// The file's name, place and times don't count. A file that has grown is another producer.
package struct ImportIdentity: Sendable {
    private var hash = SHA256()
    /// How many bytes have been hashed. Import no more of the file than that: what was appended meanwhile belongs to
    /// another producer.
    package private(set) var byteCount = 0

    package init(format: ImportFormat) {
        self.hash.update(data: Array("docket.import.producer.v1\0\(format.name)\0".utf8))
    }

    /// Adds the next bytes of the file.
    package mutating func update(_ chunk: [UInt8]) {
        self.hash.update(data: chunk)
        self.byteCount += chunk.count
    }

    /// The producer id of what has been added so far.
    package var producerID: ProducerID {
        let id = uuidVersion8(Array(self.hash.finalize()))
        return ProducerID(high: id.high, low: id.low)
    }

    /// Reads a file to its end, in chunks: `nil` or an empty one ends it.
    package static func read<Failure: Error>(
        format: ImportFormat, chunks nextChunk: () throws(Failure) -> [UInt8]?
    ) throws(Failure) -> ImportIdentity {
        var identity = ImportIdentity(format: format)
        while let chunk = try nextChunk(), !chunk.isEmpty { identity.update(chunk) }
        return identity
    }
}

/// The first 16 bytes of a hash with the version and variant bits of RFC 9562 section 5.8.
private func uuidVersion8(_ hash: [UInt8]) -> EventID {
    EventID(
        high: bigEndian(hash[0..<8]) & ~0xF000 | 0x8000,
        low: bigEndian(hash[8..<16]) & ~(0b11 << 62) | 0b10 << 62)
}
