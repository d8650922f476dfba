/// Counts what a journal's files take, and what has been promised: a pure value.
///
/// An append reserves exactly what it will add, the header of a new segment included, before it waits in the queue. So what is
/// accepted fits, and the files never grow above the limit.
struct SpaceLedger: Sendable, Equatable {
    let maxBytes: Int
    let maxSegmentBytes: Int
    /// What the segments take, with those set aside and foreign files.
    private(set) var filesBytes: Int
    /// What those that wait will add.
    private(set) var reservedBytes = 0
    /// How long the last segment will be when all that wait are written; `nil` when the next record begins a new one.
    private var tailBytes: Int?

    /// - Parameter tailBytes: how long the segment is that is written to; `nil` when there is none.
    init(options: JournalOptions, filesBytes: Int, tailBytes: Int? = nil) {
        self.maxBytes = options.maxBytes - JournalOptions.reservedBytes
        self.maxSegmentBytes = options.maxSegmentBytes
        self.filesBytes = filesBytes
        self.tailBytes = tailBytes
    }

    /// What a record of a length will need.
    struct Reservation: Sendable, Equatable {
        let bytes: Int
        let beginsSegment: Bool
    }

    /// Reserves room for a record with its header; `nil` when there is none.
    mutating func reserve(_ recordBytes: Int) -> Reservation? {
        let tail = self.tailBytes ?? .max - recordBytes
        let beginsSegment = tail + recordBytes > self.maxSegmentBytes
        let bytes = recordBytes + (beginsSegment ? SegmentHeader.byteCount : 0)
        guard self.filesBytes + self.reservedBytes + bytes <= self.maxBytes else { return nil }
        self.reservedBytes += bytes
        self.tailBytes = beginsSegment ? bytes : tail + bytes
        return Reservation(bytes: bytes, beginsSegment: beginsSegment)
    }

    /// What had been reserved is written, or won't be.
    mutating func release(_ bytes: Int) { self.reservedBytes -= bytes }

    /// The files take so much now.
    mutating func settle(filesBytes: Int) { self.filesBytes = filesBytes }

    /// Begins to count anew those that wait, of whom the first begins a new segment.
    mutating func restart() {
        self.reservedBytes = 0
        self.tailBytes = nil
    }
}
