import DocketCodec
import DocketModel

/// Stores a batch of which the server refuses some rows: finds those rows by trial COPYs, and commits the others, the
/// quarantine and the verdict in one transaction.
///
/// Rows go in by halves: a half that is refused is rolled back to the savepoint before it and halved again, down to
/// single rows. A half that is taken stays in, so nothing is sent again at the end.
struct PoisonTrial {
    let connection: PostgresConnection
    let segment: HotSegment

    /// Commits a batch; gives it back as it was stored.
    ///
    /// - Throws: An error that is no row's fault, or that no single row is at fault for; nothing is stored then, unless
    ///   the connection was lost.
    func commit(_ batch: EncodedBatch) throws(PostgresError) -> EncodedBatch {
        do throws(PostgresError) {
            try self.connection.execute("BEGIN")
            let ranges: [Range<Int>]
            do throws(CodecError) {
                ranges = try batch.tupleRanges()
            } catch {
                throw PostgresError(code: .unexpectedAnswer, message: error.message, cause: error)
            }
            var refused: [Int: PostgresError] = [:]
            // The whole has been refused already.
            for half in Self.halves(0..<ranges.count) {
                try self.store(half, of: batch.tuples, ranges, refused: &refused)
            }
            let stored = try Self.without(refused, batch)
            let script = CommitStatement.record([stored], segment: self.segment)
            try self.connection.copyIn(script.sql, streams: script.streams)
            try self.connection.execute("COMMIT")
            return stored
        } catch {
            if self.connection.isAlive, !self.connection.isIdle { try self.connection.execute("ROLLBACK") }
            throw error
        }
    }

    private func store(
        _ rows: Range<Int>, of tuples: [UInt8], _ ranges: [Range<Int>], refused: inout [Int: PostgresError]
    ) throws(PostgresError) {
        guard let first = rows.first, let last = rows.last else { return }
        let slice = Array(tuples[ranges[first].lowerBound..<ranges[last].upperBound])
        do throws(PostgresError) {
            try self.connection.copyIn(
                "SAVEPOINT trial;\(CommitStatement.copyEvents(self.segment));RELEASE SAVEPOINT trial",
                streams: [[CopyStream.header, slice, CopyStream.trailer]])
        } catch {
            guard FailureTreatment.of(error) == .isolate else { throw error }
            try self.connection.execute("ROLLBACK TO SAVEPOINT trial;RELEASE SAVEPOINT trial")
            guard rows.count > 1 else {
                refused[first] = error
                return
            }
            for half in Self.halves(rows) { try self.store(half, of: tuples, ranges, refused: &refused) }
        }
    }

    /// A range in two, of which the first may be empty.
    private static func halves(_ range: Range<Int>) -> [Range<Int>] {
        let middle = range.lowerBound + range.count / 2
        return [range.lowerBound..<middle, middle..<range.upperBound]
    }

    /// The batch without the refused rows, whose numbers count the accepted events alone.
    private static func without(
        _ refused: [Int: PostgresError], _ batch: EncodedBatch
    ) throws(PostgresError) -> EncodedBatch {
        let rejected = Set(batch.rejections.map(\.index))
        let positions = (0..<batch.eventCount).filter { !rejected.contains($0) }
        var refusals: [Int: EventRefusal] = [:]
        for (row, error) in refused where row < positions.count {
            refusals[positions[row]] = EventRefusal(
                field: "event", code: .refusedByStore, reason: "PostgreSQL refused the event: \(error)")
        }
        do throws(CodecError) {
            return refusals.isEmpty ? batch : try batch.refusing(refusals)
        } catch {
            throw PostgresError(code: .unexpectedAnswer, message: error.message, cause: error)
        }
    }
}
