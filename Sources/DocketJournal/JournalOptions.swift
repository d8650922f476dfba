/// What can be set of a journal.
package struct JournalOptions: Sendable, Equatable {
    /// When written records are synced (fdatasync; F_FULLFSYNC on Darwin).
    package enum Synchronization: Sendable, Equatable {
        /// Before anyone is told that a record is there; all that wait share one sync.
        case everyGroup
        /// At most so long after the oldest record that isn't synced. An append is told once its record is written.
        case interval(Duration)
        /// When a segment is full, and at the end.
        case never
    }

    /// What to do at the opening with a segment whose synced bytes are gone or altered.
    package enum DamageResponse: Sendable, Equatable {
        case refuse
        /// Give the file another name and go on without it; ``JournalRecovery/setAside`` names it.
        case setAside
    }

    /// The most bytes that all files together take.
    package var maxBytes = 1 << 30
    /// The most bytes of a segment. Space comes back a segment at a time.
    package var maxSegmentBytes = 16 << 20
    /// The most bytes of a record's payload.
    package var maxRecordBytes = 8 << 20
    /// The most bytes, and the most records, that wait to be written.
    package var maxQueuedBytes = 16 << 20
    package var maxQueuedRecords = 65_536
    /// The most bytes that are written before those that wait are told.
    package var maxGroupBytes = 4 << 20
    package var synchronization: Synchronization = .everyGroup
    /// How long an acknowledgement may wait before it is kept on disk. What wasn't kept is sent again after a crash.
    package var checkpointInterval: Duration = .seconds(1)
    package var damageResponse: DamageResponse = .refuse

    package init() {}

    static let maxSegmentBytesLimit = 1 << 30

    /// What isn't there for records: checkpoints, the old and the new one, and the lock.
    static let reservedBytes = 2 * JournalCheckpoint.maxBytes + 64

    /// - Throws: ``JournalError`` `invalidOptions`.
    package func check() throws(JournalError) {
        try Self.check("maxSegmentBytes", self.maxSegmentBytes, 4096...Self.maxSegmentBytesLimit)
        let overhead = SegmentHeader.byteCount + RecordFrame.byteCount
        try Self.check("maxRecordBytes", self.maxRecordBytes, 1...self.maxSegmentBytes - overhead)
        // So that there is always room for a new segment beside one that is all acknowledged.
        try Self.check("maxBytes", self.maxBytes, 2 * self.maxSegmentBytes + Self.reservedBytes...1 << 50)
        try Self.check("maxQueuedBytes", self.maxQueuedBytes, self.maxRecordBytes + RecordFrame.byteCount...1 << 40)
        try Self.check("maxQueuedRecords", self.maxQueuedRecords, 1...1 << 30)
        try Self.check("maxGroupBytes", self.maxGroupBytes, 1...1 << 30)
    }

    private static func check(_ name: String, _ value: Int, _ bounds: ClosedRange<Int>) throws(JournalError) {
        guard bounds.contains(value) else {
            throw JournalError(
                code: .invalidOptions,
                message: "\(name) is \(value); it must be between \(bounds.lowerBound) and \(bounds.upperBound)")
        }
    }
}
