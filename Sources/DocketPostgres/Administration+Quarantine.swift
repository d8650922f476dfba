package import DocketModel

// The operator's hand on rejected events.

extension Administration {
    /// The newest rejected events of a selection.
    ///
    /// - Parameter limit: The most to give back: from 1.
    package func listQuarantine(
        _ selection: QuarantineSelection, limit: Int32 = 50
    ) async throws(PostgresError) -> QuarantineList {
        try await self.pool.run { connection throws(PostgresError) in
            try QuarantinedRecord.list(selection, limit: limit, connection)
        }
    }

    /// A rejected event with its bytes, an encoded `docket.v1.Event` as it came; `nil` when there is none of that id.
    package func quarantinedEvent(
        _ id: Int64
    ) async throws(PostgresError) -> (record: QuarantinedRecord, event: [UInt8])? {
        try await self.pool.run { connection throws(PostgresError) in try QuarantinedRecord.read(id, connection) }
    }

    /// Removes rejected events for good, and says so in their tenants' logs.
    ///
    /// - Parameter actor: Who removes them.
    package func dropQuarantine(
        _ selection: QuarantineSelection, actor: Actor
    ) async throws(PostgresError) -> QuarantineRemoval.Report {
        try await self.numberingBatches { ids throws(PostgresError) in
            let removal = QuarantineRemoval(log: SystemLog(nextBatchID: { ids.next() }), actor: actor)
            var report = QuarantineRemoval.Report()
            var last: Int64 = 0
            while true {
                try await ids.renew()
                let after = last
                // Not repeated on a new connection: it is told once what was removed.
                let step = try await self.pool.run(isRepeatable: false) { connection throws(PostgresError) in
                    try removal.dropStep(selection, after: after, connection)
                }
                guard let step else { return report }
                report.removedCount += step.report.removedCount
                report.heldCount += step.report.heldCount
                last = step.last
            }
        }
    }

    /// Judges rejected events anew, and stores those that pass.
    ///
    /// - Parameter limits: What an event may hold: the collectors' own.
    package func retryQuarantine(
        _ selection: QuarantineSelection, limits: Limits = Limits()
    ) async throws(PostgresError) -> QuarantineRetry.Report {
        try await self.numberingBatches { ids throws(PostgresError) in
            var report = QuarantineRetry.Report()
            var cursor = QuarantineRetry.Cursor()
            while true {
                try await ids.renew()
                let (lastReport, lastCursor) = (report, cursor)
                let step = try await self.pool.run(isRepeatable: false) { connection throws(PostgresError) in
                    var (report, cursor) = (lastReport, lastCursor)
                    let retry = QuarantineRetry(limits: limits, nextBatchID: { ids.next() })
                    let isMore = try retry.step(selection, &cursor, &report, connection)
                    return (isMore, report, cursor)
                }
                guard step.0 else { return report }
                (report, cursor) = (step.1, step.2)
            }
        }
    }

    /// Does something that needs numbers for batches.
    func numberingBatches<Result: Sendable>(
        _ body: (LeasedBatchIDs) async throws(PostgresError) -> Result
    ) async throws(PostgresError) -> Result {
        let ids = try await LeasedBatchIDs(settings: self.pool.settings, description: NodeLease.administration)
        do throws(PostgresError) {
            let result = try await body(ids)
            await ids.release()
            return result
        } catch {
            await ids.release()
            throw error
        }
    }
}
