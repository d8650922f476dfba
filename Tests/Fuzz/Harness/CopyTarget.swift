import DocketCodec
import DocketModel

/// Rows as the database might return them, which need not be those that a collector wrote.
enum CopyTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        switch input.byte() & 3 {
        case 0: try self.tuples(input.remaining())
        case 1: try self.tuples(self.row(changedBy: &input))
        case 2: try self.delegation(input.remaining())
        default: try self.delegation(Array("[{\"kind\":\"".utf8) + input.remaining() + Array("\"}]".utf8))
        }
    }

    private static func tuples(_ bytes: [UInt8]) throws(FuzzFinding) {
        let batch = EncodedBatch(
            key: BatchKey(tenantID: 1, producerID: ProducerID(high: 1, low: 2), sequence: 3), batchID: 4,
            receivedAt: BatchID.receivedAt(of: 4), tuples: bytes, eventCount: 1, acceptedCount: 1, rejections: [],
            quarantined: [], root: [], contentHash: [])
        let ranges = try? batch.tupleRanges()
        if let ranges {
            try requireEqual(ranges.first?.lowerBound ?? 0, 0, "where the first tuple begins")
            try requireEqual(ranges.last?.upperBound ?? 0, bytes.count, "where the last tuple ends")
            try require(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound }, "\(ranges)")
        }
        var reader = TupleReader(tuples: bytes) { $0 == 42 ? "test.event" : nil }
        var rows = 0
        do throws(CodecError) {
            while let row = try reader.next() {
                rows += 1
                do throws(FuzzFinding) {
                    try self.check(row.event)
                } catch {
                    throw CodecError(code: .invalidEvent, message: error.message)
                }
            }
        } catch {
            if error.code == .invalidEvent { throw FuzzFinding(message: error.message) }
            return
        }
        try requireEqual(rows, ranges?.count, "rows and tuples")
    }

    /// A row's event that keeps the rules comes back from its encoded form; another one is refused there.
    private static func check(_ event: Event) throws(FuzzFinding) {
        let decoded: Event
        do throws(CodecError) {
            decoded = try decodeEvent(encodeEvent(event))
        } catch {
            return try require(error.code == .invalidEvent, "the codec can't read what it wrote: \(error)")
        }
        try requireEqual(decoded, event, "the event of a row")
        try EventOracle.check(event)
    }

    /// A row that is in order but for the columns that the input sets: a number, a length, the bytes.
    private static func row(changedBy input: inout FuzzInput) -> [UInt8] {
        var columns: [Int: [UInt8]] = [
            EventColumn.batchID.rawValue: [0, 0, 0, 0, 0, 0, 0, 1],
            EventColumn.occurredAt.rawValue: [UInt8](repeating: 0, count: 8),
            EventColumn.eventID.rawValue: [UInt8](repeating: 1, count: 16),
            EventColumn.tenantID.rawValue: [0, 0, 0, 1], EventColumn.typeID.rawValue: [0, 0, 0, 42],
            EventColumn.position.rawValue: [0, 0, 0, 3], EventColumn.decision.rawValue: [0, 0],
            EventColumn.outcome.rawValue: [0, 0],
        ]
        while !input.isAtEnd {
            let column = Int(input.byte()) % EventColumn.count
            let count = input.byte()
            columns[column] = count == 255 ? nil : input.bytes(Int(count))
        }
        var tuple: [UInt8] = [0, UInt8(EventColumn.count)]
        for column in 0..<EventColumn.count {
            guard let value = columns[column] else {
                tuple += [0xFF, 0xFF, 0xFF, 0xFF]
                continue
            }
            tuple += [0, 0, 0, UInt8(value.count)] + value
        }
        return tuple
    }

    private static func delegation(_ bytes: [UInt8]) throws(FuzzFinding) {
        let chain: [Actor]
        do throws(CodecError) {
            chain = try unsafe bytes.withUnsafeBufferPointer { buffer throws(CodecError) in
                try unsafe DelegationJSON.decode(UnsafeRawBufferPointer(buffer))
            }
        } catch {
            return
        }
        let text = DelegationJSON.encode(chain)
        let again = try requireNoError("a chain") { () throws(CodecError) in try DelegationJSON.decode(text) }
        try requireEqual(again, chain, "a delegation chain that was written again")
        try requireEqual(DelegationJSON.encode(again), text, "the text of a delegation chain")
    }
}
