/// Tells what a crash leaves of a write from damage, as far as bytes can tell.
///
/// A disk writes whole sectors. After a crash each sector of an unsynced write is new, or old; old means zeros, or missing, since nothing
/// was there before. A sector may also be new up to some byte, when memory was still being filled as it was written. So somewhere in a
/// torn record a sector ends with zeros, or the file ends. etcd's journal is read by the same reasoning.
///
/// What it can't tell: damage to a record that by itself has a sector ending with ``minZeros`` zeros passes for torn.
enum TornWrite {
    /// The smallest unit that disks write.
    static let sectorBytes = 512
    /// How many zeros at the end of a sector count as old.
    static let minZeros = 8

    /// Whether a crash may have left what begins at `offset`.
    ///
    /// - Parameters:
    ///   - headerBytes: how long a header is there.
    ///   - recordBytes: how long the whole record is; `nil` when its header can't tell.
    static func mayHaveTorn(_ bytes: [UInt8], from offset: Int, headerBytes: Int, recordBytes: Int?) -> Bool {
        let needed = recordBytes ?? headerBytes
        guard needed <= bytes.count - offset else { return true }
        var end = offset + needed
        // Of a header alone the last sector counts to its end: what follows was written after it, or with it.
        if recordBytes == nil {
            end = min(bytes.count, (end + Self.sectorBytes - 1) / Self.sectorBytes * Self.sectorBytes)
        }
        var start = offset
        while start < end {
            let next = min(end, (start / Self.sectorBytes + 1) * Self.sectorBytes)
            let zeros = min(Self.minZeros, next - start)
            if bytes[next - zeros..<next].allSatisfy({ $0 == 0 }) { return true }
            start = next
        }
        return false
    }

    /// What the whole headers of records behind an offset say.
    struct Evidence: Equatable {
        /// How many bytes were synced; 0 when none says anything.
        var syncedBytes = 0
        /// The highest index; 0 when there is none.
        var lastIndex: UInt64 = 0
    }

    static func evidence(_ bytes: [UInt8], behind offset: Int, seed: UInt32) -> Evidence {
        var evidence = Evidence()
        var position = offset + 1
        let last = bytes.count - RecordFrame.byteCount
        let (first, second) = (UInt8(truncatingIfNeeded: RecordFrame.magic), UInt8(RecordFrame.magic >> 8))
        while position <= last {
            // Byte by byte: where the fault ends is unknown, and with it where the next record begins.
            if bytes[position] == first, bytes[position + 1] == second,
                let frame = RecordFrame.decode(bytes, at: position, seed: seed, offset: position),
                frame.syncedBytes <= position
            {
                evidence.syncedBytes = max(evidence.syncedBytes, frame.syncedBytes)
                evidence.lastIndex = max(evidence.lastIndex, frame.index)
                position += RecordFrame.byteCount
            } else {
                position += 1
            }
        }
        return evidence
    }
}
