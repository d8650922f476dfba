/// What a segment's bytes hold: a pure function of them, which takes any bytes.
///
/// Reading stops at the first byte that isn't as it was written. What that means depends on what is known of the segment:
///
/// - It has a **successor**, whose header says how many of its bytes count and how many of those were synced. A fault among synced bytes
///   is damage. Among the others, which exist only after a failed sync or by policy, it is a loss that the sync had announced.
/// - It is the **last** one. A fault in front of what is known to have been synced is damage: by the checkpoint, or by a whole record
///   further on, which says how much was synced when it was written. Otherwise the shape decides (``TornWrite``): a crash leaves
///   each sector old or new, and past the old end of a file old means zero or missing.
package struct SegmentScan: Sendable, Equatable {
    /// What is known of a segment from elsewhere.
    package enum Extent: Sendable, Equatable {
        /// No segment follows; that many bytes are known to have been synced.
        case last(syncedBytes: Int)
        /// A segment follows, and says that so many bytes count, and so many were synced.
        case sealed(bytes: Int, syncedBytes: Int)
    }

    /// How reading ended.
    package enum Ending: Sendable, Equatable {
        /// Everything that counts is there.
        case whole
        /// What a crash left of a write that nobody was told had been synced: to be cut.
        case torn(Fault)
        /// What a failed sync, or a policy without syncs, may have lost.
        case lost(Fault)
        /// Bytes that had been synced are gone or altered.
        case damaged(Fault)
        /// Another version of the format.
        case otherVersion(UInt32)
    }

    package struct Fault: Sendable, Equatable {
        package let offset: Int
        package let reason: String
    }

    /// `nil` when it can't be read.
    package let header: SegmentHeader?
    package let recordCount: Int
    /// The index of the last whole record; `nil` when there is none.
    package let lastIndex: UInt64?
    /// How far the bytes are whole records.
    package let validBytes: Int
    /// How much of that its own records say was synced.
    package let markedBytes: Int
    package let ending: Ending

    /// Reads a segment.
    ///
    /// - Parameters:
    ///   - journalID: the journal's id, where it is known from elsewhere.
    ///   - visit: is given each whole record: its kind, index and where its payload is.
    package init(
        _ bytes: [UInt8], number: UInt64, journalID: JournalID?, extent: Extent,
        visit: (RecordKind, UInt64, Range<Int>) -> Void = { _, _, _ in }
    ) {
        switch SegmentHeader.decode(bytes) {
        case .header(let header):
            self.init(bytes, header: header, number: number, journalID: journalID, extent: extent, visit: visit)
        case .otherVersion(let version):
            self.init(endingAtOnce: .otherVersion(version))
        case .invalid(let reason):
            let fault = Fault(offset: 0, reason: reason)
            let seed = journalID.map { RecordFrame.seed($0, segment: number) }
            self.init(
                endingAtOnce: Self.ending(
                    bytes, fault, extent: extent, seed: seed, headerBytes: SegmentHeader.byteCount, recordBytes: nil))
        }
    }

    private init(
        header: SegmentHeader?, recordCount: Int, lastIndex: UInt64?, validBytes: Int, markedBytes: Int, ending: Ending
    ) {
        self.header = header
        self.recordCount = recordCount
        self.lastIndex = lastIndex
        self.validBytes = validBytes
        self.markedBytes = markedBytes
        self.ending = ending
    }

    private init(endingAtOnce ending: Ending) {
        self.init(header: nil, recordCount: 0, lastIndex: nil, validBytes: 0, markedBytes: 0, ending: ending)
    }

    private init(
        _ bytes: [UInt8], header: SegmentHeader, number: UInt64, journalID: JournalID?, extent: Extent,
        visit: (RecordKind, UInt64, Range<Int>) -> Void
    ) {
        guard header.number == number, journalID == nil || journalID == header.journalID else {
            self.init(
                endingAtOnce: .damaged(
                    Fault(
                        offset: 0,
                        reason: "it is segment \(header.number) of journal \(header.journalID), and lies in its place"))
            )
            return
        }
        var walk = Walk(header: header, limit: extent.limit(bytes.count))
        while let step = walk.step(bytes) { visit(step.kind, step.index, step.payload) }
        let ending = walk.fault.map {
            Self.ending(
                bytes, $0.fault, extent: extent, seed: walk.seed, headerBytes: RecordFrame.byteCount,
                recordBytes: $0.recordBytes, isCertain: $0.isCertain)
        }
        self.init(
            header: header, recordCount: walk.count, lastIndex: walk.count == 0 ? nil : walk.nextIndex - 1,
            validBytes: walk.offset, markedBytes: walk.markedBytes,
            ending: ending ?? Self.endingOfWhole(walk.offset, extent))
    }

    /// How a segment ends whose bytes are all whole records, but may be too few.
    private static func endingOfWhole(_ validBytes: Int, _ extent: Extent) -> Ending {
        let fault = Fault(offset: validBytes, reason: "it ends here, though more had been written")
        switch extent {
        case .last(let syncedBytes): return validBytes < syncedBytes ? .damaged(fault) : .whole
        case .sealed(let bytes, let syncedBytes):
            if validBytes < syncedBytes { return .damaged(fault) }
            return validBytes < bytes ? .lost(fault) : .whole
        }
    }

    /// What a fault is.
    ///
    /// - Parameters:
    ///   - headerBytes: how long the header is that the fault is in, or in front of.
    ///   - recordBytes: how long the record is that the fault is in; `nil` when its header can't tell.
    ///   - isCertain: whether no crash makes such a fault.
    private static func ending(
        _ bytes: [UInt8], _ fault: Fault, extent: Extent, seed: UInt32?, headerBytes: Int, recordBytes: Int?,
        isCertain: Bool = false
    ) -> Ending {
        guard !isCertain else { return .damaged(fault) }
        switch extent {
        case .sealed(_, let syncedBytes):
            return fault.offset < syncedBytes ? .damaged(fault) : .lost(fault)
        case .last(let syncedBytes):
            let evidence = seed.map { TornWrite.evidence(bytes, behind: fault.offset, seed: $0) }
            let known = max(syncedBytes, evidence?.syncedBytes ?? 0)
            guard fault.offset >= known else { return .damaged(fault) }
            let isTorn = TornWrite.mayHaveTorn(
                bytes, from: fault.offset, headerBytes: headerBytes, recordBytes: recordBytes)
            return isTorn ? .torn(fault) : .damaged(fault)
        }
    }
}

extension SegmentScan.Extent {
    /// How many of a file's bytes count.
    fileprivate func limit(_ fileBytes: Int) -> Int {
        switch self {
        case .last: fileBytes
        case .sealed(let bytes, _): min(bytes, fileBytes)
        }
    }
}

/// Goes from record to record.
private struct Walk {
    struct Step {
        let kind: RecordKind
        let index: UInt64
        let payload: Range<Int>
    }

    struct FoundFault {
        let fault: SegmentScan.Fault
        let recordBytes: Int?
        let isCertain: Bool
    }

    let seed: UInt32
    let limit: Int
    var offset = SegmentHeader.byteCount
    var nextIndex: UInt64
    var count = 0
    var markedBytes = 0
    var fault: FoundFault?

    init(header: SegmentHeader, limit: Int) {
        self.seed = RecordFrame.seed(header.journalID, segment: header.number)
        self.limit = limit
        self.nextIndex = header.firstIndex
    }

    /// The next record; `nil` at the end and at a fault.
    mutating func step(_ bytes: [UInt8]) -> Step? {
        guard self.offset < self.limit else { return nil }
        guard self.limit - self.offset >= RecordFrame.byteCount else {
            return self.fail("the header of record \(self.nextIndex) is cut off")
        }
        guard let frame = RecordFrame.decode(bytes, at: self.offset, seed: self.seed, offset: self.offset) else {
            return self.fail("the header of record \(self.nextIndex) is not whole")
        }
        guard frame.index == self.nextIndex, frame.syncedBytes <= self.offset else {
            return self.fail("record \(frame.index) stands where \(self.nextIndex) should", isCertain: true)
        }
        let payload = self.offset + RecordFrame.byteCount
        guard self.limit - payload >= frame.payloadBytes else {
            return self.fail("record \(frame.index) is cut off", recordBytes: frame.totalBytes)
        }
        let range = payload..<payload + frame.payloadBytes
        guard frame.matches(bytes, payload: range) else {
            return self.fail("the payload of record \(frame.index) is not whole", recordBytes: frame.totalBytes)
        }
        self.offset = range.upperBound
        self.nextIndex += 1
        self.count += 1
        self.markedBytes = max(self.markedBytes, frame.syncedBytes)
        return Step(kind: frame.kind, index: frame.index, payload: range)
    }

    private mutating func fail(_ reason: String, recordBytes: Int? = nil, isCertain: Bool = false) -> Step? {
        self.fault = FoundFault(
            fault: SegmentScan.Fault(offset: self.offset, reason: reason), recordBytes: recordBytes,
            isCertain: isCertain)
        return nil
    }
}
