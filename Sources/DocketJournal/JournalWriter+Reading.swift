/// Where reading goes on without looking for the place.
struct ReadCursor {
    let file: any JournalFile
    let segment: UInt64
    let seed: UInt32
    /// The index of the record at ``offset``.
    var index: UInt64
    var offset: Int
    /// The bytes of the file from ``windowOffset`` on.
    var window: [UInt8] = []
    var windowOffset = 0
}

extension JournalWriter {
    /// How many bytes are read from a file at a time, at least.
    private static let windowBytes = 256 << 10

    /// The first index behind `index` that a record has and that isn't acknowledged; `nil` when there is none.
    func firstUnacknowledged(after index: UInt64) -> UInt64? {
        let next = self.acknowledged.firstMissing(from: index + 1)
        return next < self.nextIndex ? next : nil
    }

    /// Reads records in order, leaving out those that are acknowledged.
    ///
    /// - Parameters:
    ///   - index: what was read last; 0 to begin with the first one that isn't acknowledged.
    ///   - maxBytes: of payloads. At least one record is read, whatever its size.
    /// - Throws: ``JournalError`` `damaged` when the first of them isn't as it was written; its place says where to go on.
    package func read(after index: UInt64, maxBytes: Int) throws(JournalError) -> [JournalRecord] {
        var records: [JournalRecord] = []
        var bytes = 0
        var last = index
        while let next = self.firstUnacknowledged(after: last) {
            let record: JournalRecord
            do throws(JournalError) {
                guard let found = try self.record(next, maxBytes: records.isEmpty ? nil : maxBytes - bytes) else {
                    break
                }
                record = found
            } catch {
                self.cursor = nil
                // Those before the fault are good; the next call says what is wrong.
                guard records.isEmpty else { return records }
                throw error
            }
            bytes += record.payload.count
            last = record.index
            records.append(record)
        }
        return records
    }

    /// Reads one record; `nil` when it is larger than `maxBytes`.
    private func record(_ index: UInt64, maxBytes: Int?) throws(JournalError) -> JournalRecord? {
        guard let segment = self.segments.first(where: { $0.endIndex > index }), segment.firstIndex <= index else {
            throw JournalError(code: .failed, message: "no segment holds record \(index)")
        }
        var cursor = try self.moved(to: index, segment)
        // The cursor must not be kept alive twice, or its window would be copied.
        self.cursor = nil
        while true {
            let frame = try self.frame(&cursor, segment)
            let end = cursor.offset + frame.totalBytes
            guard frame.index == index else {
                cursor.offset = end
                cursor.index += 1
                continue
            }
            if let maxBytes, frame.payloadBytes > maxBytes {
                self.cursor = cursor
                return nil
            }
            try self.fill(&cursor, upTo: end, segment)
            let start = cursor.offset - cursor.windowOffset + RecordFrame.byteCount
            let range = start..<start + frame.payloadBytes
            guard range.upperBound <= cursor.window.count, frame.matches(cursor.window, payload: range) else {
                throw self.damage(cursor, segment, "the payload of record \(index) is not whole")
            }
            let record = JournalRecord(index: index, kind: frame.kind, payload: Array(cursor.window[range]))
            cursor.offset = end
            cursor.index += 1
            self.cursor = cursor
            return record
        }
    }

    /// The cursor, at `index` or before it in the same segment.
    private func moved(to index: UInt64, _ segment: Segment) throws(JournalError) -> ReadCursor {
        if let cursor = self.cursor, cursor.segment == segment.number, cursor.index <= index { return cursor }
        do throws(SystemFailure) {
            return ReadCursor(
                file: try self.directory.open(FileName.segment(segment.number), forWriting: false),
                segment: segment.number, seed: RecordFrame.seed(self.journalID, segment: segment.number),
                index: segment.firstIndex, offset: SegmentHeader.byteCount)
        } catch {
            throw error.error("segment \(segment.number) of the journal can't be read")
        }
    }

    private func frame(_ cursor: inout ReadCursor, _ segment: Segment) throws(JournalError) -> RecordFrame {
        try self.fill(&cursor, upTo: cursor.offset + RecordFrame.byteCount, segment)
        let position = cursor.offset - cursor.windowOffset
        guard
            let frame = RecordFrame.decode(cursor.window, at: position, seed: cursor.seed, offset: cursor.offset),
            frame.index == cursor.index, cursor.offset + frame.totalBytes <= segment.bytes
        else { throw self.damage(cursor, segment, "the header of record \(cursor.index) is not whole") }
        return frame
    }

    /// Makes the window hold the file from the cursor's offset up to `end`, as far as the segment goes.
    private func fill(_ cursor: inout ReadCursor, upTo end: Int, _ segment: Segment) throws(JournalError) {
        guard end > cursor.windowOffset + cursor.window.count || cursor.offset < cursor.windowOffset else { return }
        let count = min(max(end - cursor.offset, Self.windowBytes), segment.bytes - cursor.offset)
        do throws(SystemFailure) {
            cursor.window = try cursor.file.read(at: cursor.offset, count: max(0, count))
            cursor.windowOffset = cursor.offset
        } catch {
            throw error.error("segment \(segment.number) of the journal can't be read")
        }
    }

    private func damage(_ cursor: ReadCursor, _ segment: Segment, _ reason: String) -> JournalError {
        JournalError(
            code: .damaged,
            message: "segment \(segment.number) of the journal '\(self.directory.path)' is damaged: \(reason) (offset "
                + "\(cursor.offset)); reading can go on behind record \(segment.endIndex - 1)",
            place: JournalPlace(
                segment: segment.number, offset: cursor.offset, lastIndex: segment.endIndex - 1))
    }
}
