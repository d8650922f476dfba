/// What the files of a journal hold. Looking changes nothing.
package struct JournalSurvey: Sendable, Equatable {
    /// A segment file.
    package struct Segment: Sendable, Equatable {
        package let number: UInt64
        package let fileBytes: Int
        /// `nil` when its header can't be read.
        package let header: SegmentHeader?
        package var recordCount = 0
        package var lastIndex: UInt64?
        /// How much of the file is part of the journal.
        package var validBytes = 0
        /// How much of that is known to have been synced.
        package var knownSyncedBytes = 0
        /// `nil` when it wasn't read, since all its records are acknowledged.
        package var ending: SegmentScan.Ending?

        package var name: String { FileName.segment(self.number) }
    }

    package private(set) var journalID: JournalID?
    package private(set) var checkpoint: JournalCheckpoint?
    package private(set) var segments: [Segment] = []
    /// Segments that were set aside: their numbers and sizes.
    package private(set) var aside: [UInt64: Int] = [:]
    /// The headers of those, as far as they can be read.
    private var asideHeaders: [UInt64: SegmentHeader] = [:]
    /// The highest index in those.
    private var asideIndex: UInt64 = 0
    /// The last segment that was not only begun.
    private var lastNumber: UInt64 = 0
    package private(set) var findings: [Finding] = []
    /// What all files take.
    package private(set) var totalBytes = 0
    package private(set) var files: [String: Int] = [:]

    /// A whole record, as it is met.
    package struct Visited {
        package let segment: UInt64
        package let kind: RecordKind
        package let index: UInt64
        package let payload: ArraySlice<UInt8>
        package let isAcknowledged: Bool
    }

    package typealias Visit = (Visited) -> Void

    /// Reads a journal's files.
    ///
    /// - Parameters:
    ///   - readsAcknowledged: whether to read segments as well that hold nothing any more that is wanted.
    ///   - visit: is given each whole record that is read.
    package init(
        _ directory: any JournalDirectory, readsAcknowledged: Bool, visit: Visit = { _ in }
    ) throws(JournalError) {
        do throws(SystemFailure) {
            self.files = try directory.list()
            self.totalBytes = self.files.values.reduce(0, +)
            try self.readNames(directory)
            try self.readCheckpoint(directory)
            self.findMissing()
            try self.scanAll(directory, readsAcknowledged: readsAcknowledged, visit: visit)
        } catch {
            throw error.error("the journal '\(directory.path)' can't be read")
        }
    }

    /// Whether nothing is damaged.
    package var isSound: Bool { self.findings.allSatisfy(\.isSound) }
    /// What is acknowledged, as far as it was kept.
    package var acknowledged: AcknowledgedSet { self.checkpoint?.acknowledged ?? AcknowledgedSet() }
    /// The index that the next record gets: never one that an acknowledgement may have named.
    package var nextIndex: UInt64 {
        let known = max(self.checkpoint?.nextIndex ?? 1, self.asideIndex + 1)
        return self.segments.reduce(known) { next, segment in
            max(next, segment.lastIndex.map { $0 + 1 } ?? segment.header?.firstIndex ?? 1)
        }
    }
    /// The number that the next segment gets.
    package var nextNumber: UInt64 {
        max(self.segments.last?.number ?? 0, self.aside.keys.max() ?? 0, self.checkpoint?.segment ?? 0) + 1
    }

    /// What neither segments nor checkpoints nor the lock take.
    package var otherBytes: Int {
        let own = [FileName.lock, FileName.checkpoint, FileName.newCheckpoint].reduce(0) { $0 + (self.files[$1] ?? 0) }
        return self.segments.reduce(self.totalBytes - own) { $0 - $1.fileBytes }
    }

    // MARK: Reading

    private mutating func readNames(_ directory: any JournalDirectory) throws(SystemFailure) {
        var numbers: [UInt64] = []
        for (name, bytes) in self.files {
            if let number = FileName.segmentNumber(name) { numbers.append(number) }
            if let number = FileName.asideNumber(name) { self.aside[number] = bytes }
        }
        for number in numbers.sorted() {
            let name = FileName.segment(number)
            let header = try Self.header(directory, name)
            self.segments.append(Segment(number: number, fileBytes: self.files[name] ?? 0, header: header))
        }
        self.journalID = self.segments.lazy.compactMap(\.header?.journalID).first
        for number in self.aside.keys.sorted() {
            try self.readAside(number, directory)
            self.note(.setAside, number, 0, "was set aside as '\(FileName.aside(number))': its records are not read")
        }
    }

    /// Takes from a segment that was set aside what must not be given to others: its indexes, and the journal's id.
    private mutating func readAside(_ number: UInt64, _ directory: any JournalDirectory) throws(SystemFailure) {
        guard let header = try Self.header(directory, FileName.aside(number)) else { return }
        self.asideHeaders[number] = header
        self.journalID = self.journalID ?? header.journalID
        let size = min(self.aside[number] ?? 0, JournalOptions.maxSegmentBytesLimit)
        let bytes = try directory.contents(FileName.aside(number), bytes: size)
        let seed = RecordFrame.seed(header.journalID, segment: header.number)
        self.asideIndex = max(
            self.asideIndex, header.firstIndex - 1, TornWrite.evidence(bytes, behind: 0, seed: seed).lastIndex)
    }

    private static func header(_ directory: any JournalDirectory, _ name: String) throws(SystemFailure)
        -> SegmentHeader?
    {
        let beginning = try directory.contents(name, bytes: SegmentHeader.byteCount)
        guard case .header(let header) = SegmentHeader.decode(beginning) else { return nil }
        return header
    }

    private mutating func readCheckpoint(_ directory: any JournalDirectory) throws(SystemFailure) {
        guard self.files[FileName.checkpoint] != nil else { return }
        let bytes = try directory.contents(FileName.checkpoint, bytes: JournalCheckpoint.maxBytes + 1)
        guard let checkpoint = JournalCheckpoint(bytes), self.journalID == nil || checkpoint.journalID == self.journalID
        else {
            self.note(
                .unusableCheckpoint, 0, 0,
                "can't be read, or is another journal's: records that were acknowledged may be sent again")
            return
        }
        self.checkpoint = checkpoint
        self.journalID = checkpoint.journalID
    }

    /// Notes the numbers that no file has, though there are some before and after, or the checkpoint knows them. Segments are deleted
    /// from the first on: what is missing in front of the first one was done with.
    private mutating func findMissing() {
        let known = (self.segments.map(\.number) + self.aside.keys).sorted()
        let first = self.segments.first?.number ?? .max
        for (number, next) in zip(known, known.dropFirst()) where next > number + 1 && number >= first {
            let following = self.segments.first { $0.number == next }?.header
            if let following, following.firstIndex <= self.acknowledged.through + 1 { continue }
            self.noteMissing(number + 1..<next)
        }
        guard let checkpoint = self.checkpoint, checkpoint.segment > known.last ?? 0,
            checkpoint.acknowledged.through + 1 < checkpoint.nextIndex
        else { return }
        self.noteMissing(max(known.last ?? 0, checkpoint.segment - 1) + 1..<checkpoint.segment + 1)
    }

    private mutating func noteMissing(_ numbers: Range<UInt64>) {
        let others = numbers.count == 1 ? "" : " (with those after it, up to \(numbers.upperBound - 1))"
        self.note(
            .missing, numbers.lowerBound, 0, "is missing\(others), and not all its records were acknowledged",
            count: numbers.count)
    }

    private mutating func scanAll(
        _ directory: any JournalDirectory, readsAcknowledged: Bool, visit: Visit
    ) throws(SystemFailure) {
        self.lastNumber = self.segments.last?.number ?? 0
        // From the last one on: what a segment's fault is depends on what is known of those after it.
        for position in self.segments.indices.reversed() {
            try self.scan(position, directory, readsAcknowledged: readsAcknowledged, visit: visit)
            // One that was only begun is as good as not there: the one before it is the last.
            if self.segments[position].header == nil, case .torn = self.segments[position].ending {
                self.lastNumber = position > 0 ? self.segments[position - 1].number : 0
            }
        }
        self.findings.sort { $0.segment < $1.segment }
    }

    private mutating func scan(
        _ position: Int, _ directory: any JournalDirectory, readsAcknowledged: Bool, visit: Visit
    ) throws(SystemFailure) {
        let segment = self.segments[position]
        let next = position + 1 < self.segments.count ? self.segments[position + 1] : nil
        if let first = next?.header?.firstIndex, first <= self.acknowledged.through + 1, !readsAcknowledged { return }
        guard segment.fileBytes <= JournalOptions.maxSegmentBytesLimit else {
            let fault = SegmentScan.Fault(offset: 0, reason: "it is larger than any segment")
            self.segments[position].ending = .damaged(fault)
            self.note(.damaged(fault), of: segment, validBytes: 0)
            return
        }
        let bytes = try directory.contents(segment.name, bytes: segment.fileBytes)
        let acknowledged = self.acknowledged
        let scan = SegmentScan(
            bytes, number: segment.number, journalID: self.journalID, extent: self.extent(of: segment, next: next)
        ) { kind, index, payload in
            visit(
                Visited(
                    segment: segment.number, kind: kind, index: index, payload: bytes[payload],
                    isAcknowledged: acknowledged.contains(index)))
        }
        self.segments[position].recordCount = scan.recordCount
        self.segments[position].lastIndex = scan.lastIndex
        self.segments[position].validBytes = scan.validBytes
        let kept = self.checkpoint?.segment == segment.number ? self.checkpoint?.syncedBytes ?? 0 : 0
        self.segments[position].knownSyncedBytes = min(scan.validBytes, max(scan.markedBytes, kept))
        var ending = scan.ending
        if case .torn(let fault) = ending, !self.isLast(segment) {
            ending = self.wasNeverSealed(segment, next: next) ? .lost(fault) : .damaged(fault)
        }
        self.segments[position].ending = ending
        self.note(ending, of: segment, validBytes: scan.validBytes)
        if let first = next?.header?.firstIndex, let last = scan.lastIndex, first <= last {
            self.note(.damaged, segment.number, scan.validBytes, "holds indexes that the segment after it holds too")
        }
    }

    private func extent(of segment: Segment, next: Segment?) -> SegmentScan.Extent {
        // Only the very next one was written when this one was known.
        let successor = next?.number == segment.number + 1 ? next?.header : self.asideHeaders[segment.number + 1]
        if let successor, successor.number == segment.number + 1 {
            return .sealed(bytes: successor.previousBytes, syncedBytes: successor.previousSyncedBytes)
        }
        let isKnown = self.checkpoint?.segment == segment.number
        return .last(syncedBytes: isKnown ? self.checkpoint?.syncedBytes ?? 0 : 0)
    }

    /// Whether the header that would tell how far a segment was synced was itself never synced: several syncs had failed in a row.
    private func wasNeverSealed(_ segment: Segment, next: Segment?) -> Bool {
        guard let next, next.number == segment.number + 1, next.header == nil, case .lost = next.ending else {
            return false
        }
        return true
    }

    /// A crash tears the end of the last segment and nothing else.
    private func isLast(_ segment: Segment) -> Bool {
        segment.number == self.lastNumber && segment.number > self.aside.keys.max() ?? 0
    }

    private mutating func note(_ ending: SegmentScan.Ending, of segment: Segment, validBytes: Int) {
        let rest = segment.fileBytes - validBytes
        switch ending {
        case .whole: return
        case .torn(let fault):
            self.note(
                .tornTail, segment.number, fault.offset,
                "ends with \(rest) bytes of a write that a crash cut off: \(fault.reason)")
        case .lost(let fault):
            self.note(.lost, segment.number, fault.offset, "has lost records that were never synced: \(fault.reason)")
        case .damaged(let fault): self.note(.damaged, segment.number, fault.offset, "is damaged: \(fault.reason)")
        case .otherVersion(let version):
            self.note(
                .otherVersion, segment.number, 0,
                "is of version \(version) of the format, and this version of docket reads \(SegmentHeader.formatVersion)"
            )
        }
    }

    private mutating func note(
        _ kind: Finding.Kind, _ segment: UInt64, _ offset: Int, _ text: String, count: Int = 1
    ) {
        let subject = segment == 0 ? "the checkpoint" : "segment \(segment)"
        let place = kind == .damaged || kind == .tornTail || kind == .lost ? " (offset \(offset))" : ""
        self.findings.append(
            Finding(
                kind: kind, segment: segment, offset: offset, count: count, message: "\(subject) \(text)\(place)"))
    }
}
