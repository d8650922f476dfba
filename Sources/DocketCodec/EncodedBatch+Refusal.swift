import DocketMerkle
import DocketModel

extension EncodedBatch {
    /// Where each tuple lies in ``tuples``, in order.
    ///
    /// - Throws: ``CodecError`` of the code `invalidRow` when the buffer is not what this version writes.
    package func tupleRanges() throws(CodecError) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(self.acceptedCount)
        var index = 0
        while index < self.tuples.count {
            let start = index
            index = try self.endOfTuple(at: start)
            ranges.append(start..<index)
        }
        return ranges
    }

    /// The batch as it is when the store refuses some of its accepted events as well: they join the quarantine, and the
    /// root is that of what is left. The content hash stays: it covers what was received.
    ///
    /// - Parameter refusals: Why each event is refused, by its index in the request.
    /// - Throws: ``CodecError``: `invalidRow` when the request isn't kept or the tuples can't be read, and what
    ///   ``decodeEvent(_:)`` throws.
    package func refusing(_ refusals: [Int: EventRefusal]) throws(CodecError) -> EncodedBatch {
        guard let request = self.request else {
            throw CodecError(code: .invalidRow, message: "the request of batch \(self.batchID) was not kept")
        }
        let ranges = try self.tupleRanges()
        let wereRejected = Set(self.rejections.map(\.index))
        let positions = (0..<self.eventCount).filter { !wereRejected.contains($0) }
        guard positions.count == ranges.count else {
            throw CodecError(
                code: .invalidRow,
                message: "batch \(self.batchID) has \(ranges.count) tuples for \(positions.count) accepted events")
        }
        var tuples: [UInt8] = []
        tuples.reserveCapacity(self.tuples.count)
        var hashes: [MerkleHash] = []
        for (position, range) in zip(positions, ranges) where refusals[position] == nil {
            tuples += self.tuples[range]
            hashes.append(EventLeaf.leafHash(of: try decodeEvent(Array(request.eventBytes(at: position)))))
        }
        let added = refusals.map { (rejection: $1.rejection(at: $0), event: request.eventBytes(at: $0)) }
        let rejections = (self.rejections + added.map(\.rejection)).sorted { $0.index < $1.index }
        let quarantined =
            self.quarantined + added.map { QuarantinedEvent(index: $0.rejection.index, event: Array($0.event)) }
        return EncodedBatch(
            key: self.key, batchID: self.batchID, receivedAt: self.receivedAt, tuples: tuples,
            eventCount: self.eventCount, acceptedCount: hashes.count, rejections: rejections,
            quarantined: quarantined.sorted { $0.index < $1.index },
            marks: self.marks.filter { refusals[$0.index] == nil }, occurredAt: self.occurredAt,
            root: MerkleTree.root(consuming: &hashes).bytes, contentHash: self.contentHash, request: request)
    }

    private func endOfTuple(at start: Int) throws(CodecError) -> Int {
        var index = start
        func integer(_ size: Int) throws(CodecError) -> Int32 {
            guard self.tuples.count - index >= size else {
                throw CodecError(code: .invalidRow, message: "COPY tuples, at byte \(index): the last tuple is cut off")
            }
            defer { index += size }
            return self.tuples[index..<index + size].reduce(0 as Int32) { $0 << 8 | Int32($1) }
        }
        for _ in 0..<(try integer(2)) {
            let length = try integer(4)
            guard length >= -1, length <= self.tuples.count - index else {
                throw CodecError(
                    code: .invalidRow, message: "COPY tuples, at byte \(index): a column is \(length) bytes long")
            }
            index += Int(max(length, 0))
        }
        return index
    }
}
