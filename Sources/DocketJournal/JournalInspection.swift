/// What a journal holds, for people: its segments, what is acknowledged, and whose batches they are. Made without changing anything.
package struct JournalInspection: Sendable, Equatable {
    package struct Segment: Sendable, Equatable {
        package let number: UInt64
        package let state: State
        package let recordCount: Int
        package let unacknowledgedCount: Int
        package let fileBytes: Int
        /// `nil` when it has no whole record.
        package let firstIndex: UInt64?
        package let lastIndex: UInt64?
        /// `nil` when its header can't be read.
        package let createdAtMicroseconds: Int64?
    }

    package enum State: String, Sendable {
        case sound
        case torn
        case lost
        case damaged
        case otherVersion = "other version"
        case setAside = "set aside"
    }

    /// The batches of one producer.
    package struct Producer: Sendable, Equatable {
        /// Its id, as a UUID is written.
        package let id: String
        package var recordCount: Int
        package var unacknowledgedCount: Int
        package var minSequence: Int64
        package var maxSequence: Int64
    }

    /// The most producers that are told apart.
    package static let maxProducers = 10_000

    package private(set) var journalID: JournalID?
    /// In the order of their numbers, with those that were set aside.
    package private(set) var segments: [Segment] = []
    /// In the order of their ids.
    package private(set) var producers: [Producer] = []
    /// Batches of producers beyond ``maxProducers``.
    package private(set) var otherBatchCount = 0
    package private(set) var findings: [JournalSurvey.Finding] = []
    package private(set) var totalBytes = 0
    package private(set) var recordCount = 0
    package private(set) var unacknowledgedCount = 0
    /// The index up to which all are acknowledged.
    package private(set) var acknowledgedThrough: UInt64 = 0
    /// The index that the next record gets.
    package private(set) var nextIndex: UInt64 = 1

    /// Whether nothing is damaged.
    package var isSound: Bool { self.findings.allSatisfy(\.isSound) }

    /// Looks at a directory, also while its owner is at work.
    package init(path: String) throws(JournalError) {
        let directory = try SystemDirectory(reading: path)
        var attempts = 0
        while true {
            do throws(JournalError) {
                try self.init(directory)
                return
            } catch {
                // A segment that was listed may have been deleted since: then there is less to read the next time.
                attempts += 1
                guard error.cause?.isMissingFile == true, attempts < Self.maxAttempts else { throw error }
            }
        }
    }

    private static let maxAttempts = 10

    package init(_ directory: any JournalDirectory) throws(JournalError) {
        var tally = Tally()
        let survey = try JournalSurvey(directory, readsAcknowledged: true) { tally.add($0) }
        let acknowledged = Self.acknowledged(survey)
        self.journalID = survey.journalID
        self.findings = survey.findings
        self.totalBytes = survey.totalBytes
        self.nextIndex = survey.nextIndex
        self.acknowledgedThrough = min(acknowledged.through, survey.nextIndex - 1)
        self.producers = tally.producers.values.sorted { $0.id < $1.id }
        self.otherBatchCount = tally.otherBatchCount
        self.segments = survey.segments.map { Self.segment($0, acknowledged) }
        self.recordCount = self.segments.reduce(0) { $0 + $1.recordCount }
        self.unacknowledgedCount = self.segments.reduce(0) { $0 + $1.unacknowledgedCount }
        self.segments += survey.aside.map { number, bytes in
            Segment(
                number: number, state: .setAside, recordCount: 0, unacknowledgedCount: 0, fileBytes: bytes,
                firstIndex: nil, lastIndex: nil, createdAtMicroseconds: nil)
        }
        self.segments.sort { $0.number < $1.number }
    }

    /// What is acknowledged, with what was deleted before the first segment.
    private static func acknowledged(_ survey: JournalSurvey) -> AcknowledgedSet {
        var acknowledged = survey.acknowledged
        if let first = survey.segments.first?.header?.firstIndex { acknowledged.insert(1..<first) }
        return acknowledged
    }

    private static func segment(_ segment: JournalSurvey.Segment, _ acknowledged: AcknowledgedSet) -> Segment {
        let first = segment.lastIndex == nil ? nil : segment.header?.firstIndex
        let indexes = first.flatMap { first in segment.lastIndex.map { first..<$0 + 1 } }
        let state: State =
            switch segment.ending {
            case .whole, nil: .sound
            case .torn: .torn
            case .lost: .lost
            case .damaged: .damaged
            case .otherVersion: .otherVersion
            }
        return Segment(
            number: segment.number, state: state, recordCount: segment.recordCount,
            unacknowledgedCount: segment.recordCount - (indexes.map { acknowledged.count(in: $0) } ?? 0),
            fileBytes: segment.fileBytes, firstIndex: first, lastIndex: segment.lastIndex,
            createdAtMicroseconds: segment.header?.createdAtMicroseconds)
    }
}

/// Counts batches by their producers.
private struct Tally {
    private(set) var producers: [String: JournalInspection.Producer] = [:]
    private(set) var otherBatchCount = 0

    mutating func add(_ record: JournalSurvey.Visited) {
        guard record.kind == .batch,
            let key = JournalBatchKey(payload: Array(record.payload.prefix(JournalBatchKey.byteCount)))
        else { return }
        let id = key.producerText
        guard self.producers[id] != nil || self.producers.count < JournalInspection.maxProducers else {
            self.otherBatchCount += 1
            return
        }
        var producer =
            self.producers[id]
            ?? JournalInspection.Producer(
                id: id, recordCount: 0, unacknowledgedCount: 0, minSequence: key.sequence, maxSequence: key.sequence)
        producer.recordCount += 1
        producer.unacknowledgedCount += record.isAcknowledged ? 0 : 1
        producer.minSequence = min(producer.minSequence, key.sequence)
        producer.maxSequence = max(producer.maxSequence, key.sequence)
        self.producers[id] = producer
    }
}
