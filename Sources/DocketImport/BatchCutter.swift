package import DocketModel

/// A run of consecutive records of a file: one publish request.
package struct ImportBatch: Sendable, Equatable {
    /// The batch's number in the file, from 0.
    package var sequence: Int64
    /// What is published. Empty when every record was rejected: then the sequence stays unused.
    package var events: [Event] = []
    /// The line of each event, so that an event which the collector rejects can be told by its line.
    package var lines: [Int] = []
    /// The records that didn't become events.
    package var errors: [ImportError] = []

    /// How many records it covers.
    package var recordCount: Int { self.events.count + self.errors.count }
}

/// Cuts a file's records into batches by their place in the file, the rejected ones included, so that every import of a
/// file cuts it alike: (producer id, sequence) then names the same events, and the collector sees a replay.
///
/// A batch also ends before it could exceed the byte limit; that depends on nothing but the records and the limits. An
/// import with another number of records a batch, or other limits, is not a replay: the collector refuses the batches,
/// which come under a known name with other content, and stores nothing twice.
package struct BatchCutter: Sendable {
    /// How many records a batch covers. Changing it turns later imports of a file into refused batches.
    package static let defaultMaxRecords = 1000
    /// Room for what a publish request holds besides its events, in bytes.
    private static let requestBytes = 1024

    private let maxRecords: Int
    private let maxEventBytes: Int
    private var batch = ImportBatch(sequence: 0)
    private var batchEventBytes = 0

    /// - Parameters:
    ///   - maxRecords: How many records a batch covers; no more than `limits.maxBatchEvents` are taken.
    ///   - limits: What a batch may hold.
    package init(maxRecords: Int = Self.defaultMaxRecords, limits: Limits = Limits()) {
        self.maxRecords = max(1, min(maxRecords, limits.maxBatchEvents))
        self.maxEventBytes = max(0, limits.maxBatchBytes - Self.requestBytes)
    }

    /// Adds the file's next record; returns the batch that is complete without it.
    package mutating func add(_ record: ImportedRecord) -> ImportBatch? {
        switch record.result {
        case .failure(let error):
            let complete = self.batch.recordCount >= self.maxRecords ? self.cut() : nil
            self.batch.errors.append(error)
            return complete
        case .success(let event):
            let bytes = event.maxWireBytes
            guard bytes <= self.maxEventBytes else { return self.add(self.tooLarge(record.line, bytes)) }
            let isFull = self.batch.recordCount >= self.maxRecords || self.batchEventBytes + bytes > self.maxEventBytes
            let complete = isFull ? self.cut() : nil
            self.batch.events.append(event)
            self.batch.lines.append(record.line)
            self.batchEventBytes += bytes
            return complete
        }
    }

    /// The last batch; `nil` when no record is left.
    package mutating func finish() -> ImportBatch? { self.batch.recordCount == 0 ? nil : self.cut() }

    private mutating func cut() -> ImportBatch {
        let complete = self.batch
        self.batch = ImportBatch(sequence: complete.sequence + 1)
        self.batchEventBytes = 0
        return complete
    }

    private func tooLarge(_ line: Int, _ bytes: Int) -> ImportedRecord {
        let error = ImportError(
            code: .tooLong, line: line,
            message:
                "the event may take \(bytes) bytes, a batch holds \(self.maxEventBytes) (max_batch_bytes); shorten it")
        return ImportedRecord(line: line, result: .failure(error))
    }
}

extension Event {
    /// The most bytes that the event can take inside a publish request, its own tag and length included. A text costs a
    /// tag (2 bytes at most) and a length (4); a number a tag and a varint (10); an inner message as much as a text.
    var maxWireBytes: Int {
        let texts = [
            self.sourceEventID, self.type, self.scope, self.action, self.reason, self.policy, self.obligations,
            self.evaluatedRules, self.sessionID, self.requestID, self.agentID, self.source, self.attributes,
            self.resource?.type, self.resource?.id, self.payload?.hash,
        ]
        let actorTexts = ([self.actor].compactMap(\.self) + self.delegation).flatMap { [$0.kind, $0.id, $0.userID] }
        // Ids (16 + 16 + 8 bytes), seven numbers, and the tags and lengths of ids, inner messages and the event itself.
        let fixedBytes = 40 + 7 * 12 + 6 * (3 + 3 + self.delegation.count + 1)
        return (texts + actorTexts).compactMap(\.self).reduce(fixedBytes) { $0 + $1.utf8.count + 6 }
    }
}
