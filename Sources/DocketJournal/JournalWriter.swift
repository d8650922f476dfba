/// Does the work of a journal on its files, one thing after the other: whoever owns it calls it from one thread.
///
/// What failed leaves it usable. A group that can't be written or synced is no part of the journal: its records get an error, its bytes are
/// cut off where that still works, and the segment is **sealed**. Nothing is ever written to that file again, since after a failed sync
/// nobody knows what it holds; the next segment's header says how far it counts.
package final class JournalWriter {
    /// What is to be written.
    package struct Entry: Sendable, Equatable {
        package let kind: RecordKind
        package let payload: [UInt8]

        package init(kind: RecordKind, payload: [UInt8]) {
            self.kind = kind
            self.payload = payload
        }
    }

    /// A segment that holds records.
    struct Segment: Equatable {
        let number: UInt64
        let firstIndex: UInt64
        /// The index behind its last record.
        var endIndex: UInt64
        /// How much of the file counts.
        var bytes: Int
        /// How much of that is known to be durable, the file's name included.
        var syncedBytes: Int
        /// How long the file is.
        var fileBytes: Int
    }

    /// The file that is written to: that of the last segment.
    private struct Current {
        let file: any JournalFile
        let seed: UInt32
        var isNameSynced = false
    }

    let directory: any JournalDirectory
    let options: JournalOptions
    let journalID: JournalID
    /// In ascending order.
    var segments: [Segment]
    private var current: Current?
    private var nextNumber: UInt64
    /// The index that the next record gets. All those below are in the journal.
    package private(set) var nextIndex: UInt64
    var acknowledged: AcknowledgedSet
    /// Whether ``acknowledged`` has changed since the last checkpoint.
    var isCheckpointDue = false
    /// Whether anything has been synced since the last checkpoint.
    var hasSynced = false
    /// Whether a segment was removed, and the directory not synced since.
    var hasUnsyncedRemoval = false
    /// What is in the directory besides.
    let otherBytes: Int
    /// Where reading stopped.
    var cursor: ReadCursor?
    private let now: () -> Int64
    private var buffer: [UInt8] = []

    /// Takes over a directory's files as ``recover(_:options:using:)`` leaves them.
    init(
        directory: any JournalDirectory, options: JournalOptions, survey: JournalSurvey, journalID: JournalID,
        now: @escaping () -> Int64
    ) {
        self.directory = directory
        self.options = options
        self.journalID = journalID
        self.now = now
        self.nextIndex = survey.nextIndex
        self.nextNumber = survey.nextNumber
        self.acknowledged = survey.acknowledged
        self.segments = Self.segments(of: survey)
        self.otherBytes = survey.otherBytes
        // Indexes that no record has must not hold back those behind them.
        var end: UInt64 = 1
        for segment in self.segments {
            self.acknowledged.insert(end..<max(end, segment.firstIndex))
            end = segment.endIndex
        }
        self.acknowledged.insert(end..<max(end, self.nextIndex))
    }

    private static func segments(of survey: JournalSurvey) -> [Segment] {
        survey.segments.indices.compactMap { position in
            let segment = survey.segments[position]
            let successor = position + 1 < survey.segments.count ? survey.segments[position + 1].header : nil
            let next = survey.segments[(position + 1)...].lazy.compactMap(\.header?.firstIndex).first
            // One without a header is what a failed sync has left: nothing of it counts, and it goes in its turn.
            guard let first = segment.header?.firstIndex ?? next else { return nil }
            let end = segment.lastIndex.map { $0 + 1 } ?? (segment.ending == nil ? next : nil) ?? first
            return Segment(
                number: segment.number, firstIndex: first, endIndex: end, bytes: segment.validBytes,
                syncedBytes: min(segment.validBytes, successor?.previousSyncedBytes ?? .max),
                fileBytes: segment.fileBytes)
        }
    }

    /// What all files but checkpoints and lock take.
    var filesBytes: Int { self.segments.reduce(self.otherBytes) { $0 + $1.fileBytes } }
    /// Whether something that was written isn't synced, and may still be.
    var hasUnsynced: Bool { self.current != nil && self.segments.last.map { $0.bytes > $0.syncedBytes } ?? false }
    /// Whether the next record begins a new segment, whatever its size.
    var isSealed: Bool { self.current == nil }
    /// How long the last segment is.
    package var tailBytes: Int? { self.current == nil ? nil : self.segments.last?.bytes }

    // MARK: Appending

    /// Writes records that fit into one segment together, and syncs them if wanted: all, or none.
    ///
    /// - Returns: the index of the first one.
    package func append(_ entries: [Entry], synchronizes: Bool) throws(JournalError) -> UInt64 {
        let groupBytes = entries.reduce(0) { $0 + RecordFrame.byteCount + $1.payload.count }
        let begins = self.tailBytes.map { $0 + groupBytes > self.options.maxSegmentBytes } ?? true
        self.buffer.removeAll(keepingCapacity: true)
        if begins {
            try self.beginSegment()
        }
        guard let current = self.current, let last = self.segments.indices.last else {
            throw JournalError(code: .failed, message: "no segment is open")
        }
        let before = self.segments[last]
        // A new segment's header goes out with its first records.
        let start = begins ? 0 : before.bytes
        for (position, entry) in entries.enumerated() {
            RecordFrame.append(
                entry.kind, entry.payload, index: self.nextIndex + UInt64(position), syncedBytes: before.syncedBytes,
                seed: current.seed, offset: start + self.buffer.count, to: &self.buffer)
        }
        self.segments[last].fileBytes = start + self.buffer.count
        do throws(SystemFailure) {
            try current.file.writeAll(self.buffer, at: start)
        } catch {
            self.abandon(before, canSync: true)
            throw error.error("\(entries.count) records can't be written")
        }
        self.segments[last].bytes = start + self.buffer.count
        self.segments[last].endIndex += UInt64(entries.count)
        if synchronizes {
            do throws(SystemFailure) {
                try self.synchronize()
            } catch {
                self.abandon(before, canSync: false)
                throw error.error("\(entries.count) records can't be synced")
            }
        }
        defer { self.nextIndex += UInt64(entries.count) }
        return self.nextIndex
    }

    /// Syncs what was written. After an error the segment must be sealed.
    private func synchronize() throws(SystemFailure) {
        guard self.hasUnsynced, let last = self.segments.indices.last, var current = self.current else { return }
        try current.file.synchronize()
        if !current.isNameSynced {
            try self.directory.synchronize()
            current.isNameSynced = true
            self.current = current
        }
        self.segments[last].syncedBytes = self.segments[last].bytes
        self.hasSynced = true
    }

    /// Syncs what was written, and seals the segment when that fails: its records stay, though a crash may lose them.
    func synchronizeOrSeal() throws(JournalError) {
        do throws(SystemFailure) {
            try self.synchronize()
        } catch {
            self.current = nil
            throw error.error("records that had been written can't be synced; a crash may lose them")
        }
    }

    /// Makes the next segment, whose header is in the buffer then.
    private func beginSegment() throws(JournalError) {
        // What fails to be synced now is told by the header of the next segment.
        if self.current != nil { try? self.synchronizeOrSeal() }
        self.current = nil
        let previous = self.segments.last.flatMap { $0.number == self.nextNumber - 1 ? $0 : nil }
        let header = SegmentHeader(
            journalID: self.journalID, number: self.nextNumber, firstIndex: self.nextIndex,
            createdAtMicroseconds: self.now(), previousBytes: previous?.bytes ?? 0,
            previousSyncedBytes: previous?.syncedBytes ?? 0)
        let file: any JournalFile
        do throws(SystemFailure) {
            file = try self.create(FileName.segment(header.number))
        } catch {
            throw error.error("segment \(header.number) of the journal can't be made")
        }
        self.current = Current(file: file, seed: RecordFrame.seed(self.journalID, segment: header.number))
        self.segments.append(
            Segment(
                number: header.number, firstIndex: header.firstIndex, endIndex: header.firstIndex, bytes: 0,
                syncedBytes: 0, fileBytes: 0))
        self.nextNumber += 1
        self.buffer += header.bytes
    }

    /// Makes a file, in place of one that couldn't be removed. That one isn't written over: after a crash its old content would show
    /// through, which nobody could tell from damage.
    func create(_ name: String) throws(SystemFailure) -> any JournalFile {
        do throws(SystemFailure) {
            return try self.directory.create(name)
        } catch  where error.isExistingFile {
            try self.directory.remove(name)
            return try self.directory.create(name)
        }
    }

    /// Goes back to how the last segment was before a group, and seals it.
    ///
    /// - Parameter canSync: whether the file's state is known, so that what was written before may still be synced.
    private func abandon(_ before: Segment, canSync: Bool) {
        let attemptedBytes = self.segments.last?.fileBytes ?? 0
        self.segments[self.segments.count - 1] = before
        if before.endIndex == before.firstIndex {
            self.abandonNewSegment(attemptedBytes)
            return
        }
        do throws(SystemFailure) {
            try self.current?.file.truncate(to: before.bytes)
            if canSync { try self.synchronize() }
        } catch {
            // It is longer than what counts then, and the next header says so.
            self.segments[self.segments.count - 1].fileBytes = attemptedBytes
        }
        self.current = nil
    }

    /// A segment without records is nothing to keep.
    private func abandonNewSegment(_ attemptedBytes: Int) {
        self.current = nil
        let segment = self.segments.removeLast()
        self.nextNumber = segment.number
        do throws(SystemFailure) {
            try self.directory.remove(FileName.segment(segment.number))
        } catch {
            // The next one of that number takes its place; until then its bytes count for nothing, as nobody appends.
        }
    }

    /// Writes nothing to the last segment any more.
    func seal() { self.current = nil }
}
