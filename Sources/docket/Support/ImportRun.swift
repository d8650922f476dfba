import DocketClient
import DocketImport
import DocketModel
import DocketTerminal
import Synchronization

/// Imports one file: reads it in chunks, cuts it into batches by the place of its records, publishes them pipelined,
/// and counts what became of each record.
struct ImportRun {
    /// What became of a file's records. The parts add up to `recordCount`.
    struct Totals: Sendable, Equatable {
        var recordCount = 0
        /// Stored by this import.
        var acceptedCount = 0
        /// Stored by an earlier import of the same file.
        var replayedCount = 0
        /// In quarantine: the collector rejected them.
        var rejectedCount = 0
        /// Not read as events.
        var unreadableCount = 0
    }

    /// A record that is not stored, and why.
    struct Fault: Sendable {
        let line: Int
        let message: String
    }

    let path: String
    let format: ImportFormat
    let recordsPerBatch: Int
    let configuration: AuditClient.Configuration
    /// Called for each record that isn't stored.
    let onFault: @Sendable (Fault) -> Void
    /// Called as the work goes on with the bytes read and the file's size.
    let onProgress: @Sendable (_ doneBytes: Int, _ totalBytes: Int) -> Void

    /// How many batches are under way at once.
    private static let window = 8
    private static let chunkBytes = 256 * 1024

    /// Reads the file twice: once for its identity, once for its records.
    func run() async throws -> Totals {
        let identity = try self.identify()
        var configuration = self.configuration
        configuration.producerID = identity.producerID
        configuration.maxInFlightBatches = Self.window
        let client = try EmitCommand.client(configuration)
        do {
            let totals = try await self.publish(byteCount: identity.byteCount, client: client)
            await client.shutdown()
            return totals
        } catch {
            await client.shutdown(timeout: .zero)
            throw error
        }
    }

    private func identify() throws -> ImportIdentity {
        let source = try ByteSource(path: self.path)
        var identity = ImportIdentity(format: self.format)
        while true {
            try Task.checkCancellation()
            let chunk = try source.read(maxBytes: Self.chunkBytes, at: identity.byteCount)
            guard !chunk.isEmpty else { return identity }
            identity.update(chunk)
        }
    }

    private func publish(byteCount: Int, client: AuditClient) async throws -> Totals {
        var totals = Totals()
        var batches = try ImportBatches(
            path: self.path, format: self.format, recordsPerBatch: self.recordsPerBatch, byteCount: byteCount,
            onProgress: self.onProgress)
        try await withThrowingTaskGroup(of: Totals.self) { group in
            var underWay = 0
            while let batch = try batches.next() {
                try Task.checkCancellation()
                totals.recordCount += batch.recordCount
                totals.unreadableCount += batch.errors.count
                for error in batch.errors { self.onFault(Fault(line: error.line, message: error.message)) }
                guard !batch.events.isEmpty else { continue }
                if underWay == Self.window, let done = try await group.next() {
                    totals.add(done)
                    underWay -= 1
                }
                underWay += 1
                group.addTask { try await self.publish(batch, client: client) }
            }
            for try await done in group { totals.add(done) }
        }
        return totals
    }

    private func publish(_ batch: ImportBatch, client: AuditClient) async throws -> Totals {
        let verdict: Verdict
        do {
            verdict = try await client.publish(batch.events, sequence: batch.sequence)
        } catch {
            // A publish that was called off is no failure of its own.
            try Task.checkCancellation()
            throw CommandError(error)
        }
        for rejection in verdict.rejections where rejection.index < batch.lines.count {
            self.onFault(
                Fault(line: batch.lines[rejection.index], message: "\(rejection.field): \(rejection.reason)"))
        }
        var totals = Totals()
        totals.rejectedCount = verdict.rejections.count
        if verdict.replayed {
            totals.replayedCount = verdict.acceptedCount
        } else {
            totals.acceptedCount = verdict.acceptedCount
        }
        return totals
    }
}

extension ImportRun.Totals {
    /// Adds what became of one batch. Its records have been counted when it was cut.
    mutating func add(_ other: Self) {
        self.acceptedCount += other.acceptedCount
        self.replayedCount += other.replayedCount
        self.rejectedCount += other.rejectedCount
    }

    /// The totals in one line.
    var line: String {
        "\(grouped(self.recordCount)) records: \(grouped(self.acceptedCount)) stored, "
            + "\(grouped(self.replayedCount)) stored before (replay), \(grouped(self.rejectedCount)) rejected, "
            + "\(grouped(self.unreadableCount)) unreadable"
    }

    /// The totals as one JSON object.
    var json: String {
        "{\"records\":\(self.recordCount),\"accepted\":\(self.acceptedCount),\"replayed\":\(self.replayedCount),"
            + "\"rejected\":\(self.rejectedCount),\"unreadable\":\(self.unreadableCount)}"
    }
}
