import DocketClient
import DocketImport
import DocketModel
import DocketTerminal
import Foundation
import Synchronization

/// Imports one file: reads it in chunks, cuts it into batches by the place of its records, publishes them pipelined, and
/// counts what became of each record.
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
        let file = try self.open()
        return try ImportIdentity.read(format: self.format) {
            try file.read(upToCount: Self.chunkBytes).map { Array($0) }
        }
    }

    private func publish(byteCount: Int, client: AuditClient) async throws -> Totals {
        var totals = Totals()
        try await withThrowingTaskGroup(of: Totals.self) { group in
            var underWay = 0
            for trybatch in try BatchSequence(self, byteCount: byteCount) {
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

    fileprivate func open() throws -> FileHandle {
        guard let file = FileHandle(forReadingAtPath: self.path) else {
            throw CommandError(.noInput, "cannot open '\(self.path)'; check the name and its permissions")
        }
        return file
    }

    /// The batches of a file, in order.
    private struct BatchSequence: Sequence, IteratorProtocol {
        private let run: ImportRun
        private let file: FileHandle
        private let byteCount: Int
        private var importer: Importer
        private var cutter: BatchCutter
        private var readBytes = 0
        private var isFinished = false
        private var hasEnded = false

        init(_ run: ImportRun, byteCount: Int) throws {
            self.run = run
            self.file = try run.open()
            self.byteCount = byteCount
            self.importer = Importer(format: run.format)
            self.cutter = BatchCutter(maxRecords: run.recordsPerBatch)
        }

        /// The next batch; `nil` at the end. A file that can't be read any further ends early, which its record count shows.
        mutating func next() -> ImportBatch? {
            while true {
                while let record = self.importer.next() {
                    if let batch = self.cutter.add(record) { return batch }
                }
                if self.isFinished {
                    guard !self.hasEnded else { return nil }
                    self.hasEnded = true
                    return self.cutter.finish()
                }
                self.readChunk()
            }
        }

        private mutating func readChunk() {
            let wanted = Swift.min(ImportRun.chunkBytes, self.byteCount - self.readBytes)
            guard wanted > 0, let chunk = try? self.file.read(upToCount: wanted), !chunk.isEmpty else {
                self.importer.finish()
                self.isFinished = true
                return
            }
            self.readBytes += chunk.count
            self.importer.push(Array(chunk))
            self.run.onProgress(self.readBytes, self.byteCount)
        }
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
