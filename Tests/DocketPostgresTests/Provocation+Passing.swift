import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import DocketThreads
import Testing

@testable import DocketPostgres

extension Provocation {
    /// Faults that are over when the group is sent again.
    static let passing: [Provocation] = [
        Provocation("DK001", "a sequence below its producer's floor") { bed in
            let known = try bed.batch()
            #expect(await bed.store.store(known).committed != nil)
            try bed.database.connect().execute(
                """
                INSERT INTO docket.producer_floors (tenant_id, producer_id, floor)
                VALUES (1, '\(bed.maker.producer.uuidText)', 20)
                """)
            let refused = try #require(await bed.store.store(try bed.batch()).failure)
            #expect(refused.code == .refused && refused.message.contains("20"), "\(refused)")
            #expect(await bed.store.store(known.numbered(known.batchID + 1)).replayed != nil)
            let above = try bed.maker.batch(21, [bed.maker.event(1)])
            #expect(await bed.store.store(above).committed != nil)
            try bed.expectStored(batches: 3, events: 3)
        },
        Provocation(
            "55P03", "lock_timeout runs out", setUp: TestDatabase.writerSetting("lock_timeout = '1s'")
        ) { bed in
            let lock = try bed.database.lockBatches()
            try await bed.expectUnnoticed {
                await bed.meet("55P03")
                try lock.execute("ROLLBACK")
            }
        },
        Provocation(
            "55P03", "lock_timeout runs out each time", setUp: TestDatabase.writerSetting("lock_timeout = '10ms'")
        ) { bed in
            let lock = try bed.database.lockBatches()
            try await bed.expectUnavailable(while: {}, until: { try lock.execute("ROLLBACK") })
        },
        Provocation(
            "57014", "statement_timeout runs out", setUp: TestDatabase.writerSetting("statement_timeout = '1s'")
        ) { bed in
            let lock = try bed.database.lockBatches()
            try await bed.expectUnnoticed {
                await bed.meet("57014")
                try lock.execute("ROLLBACK")
            }
        },
        Provocation("57P01", "an administrator ends the session in the middle of a COPY") { bed in
            let other = try bed.database.connect()
            // The key that comes next is taken, and not committed yet.
            try other.execute("BEGIN; \(try bed.maker.batch(2, [bed.maker.event(1)]).occupation)")
            try await bed.expectUnnoticed {
                try await bed.waitUntilBlocked()
                try await bed.endSession()
                try other.execute("ROLLBACK")
            }
        },
        Provocation(
            "57P05", "idle_session_timeout runs out",
            setUp: TestDatabase.writerSetting("idle_session_timeout = '20ms'")
        ) { bed in
            // Whether the writer learns of the end by a commit group or before it, is a matter of time.
            var stored: Int64 = 1
            let admin = try bed.database.connect()
            while !bed.failures.codes.contains("57P05"), stored < 200 {
                try await until {
                    try admin.query(
                        """
                        SELECT count(*) FROM pg_stat_activity
                        WHERE usename = 'docket_writer' AND datname = current_database()
                        """
                    ).integer(0, 0) == Int64(0)
                }
                #expect(await bed.store.store(try bed.batch()).committed != nil)
                stored += 1
            }
            try bed.expectStored(batches: stored, events: stored)
        },
        Provocation("40P01", "two sessions take keys in opposite order") { bed in try await bed.deadlock() },
        Provocation(
            "40001", "a session that depends on the group, and on which the group depends",
            setUp: TestDatabase.writerSetting("default_transaction_isolation = serializable")
        ) { bed in try await bed.serializationFailure() },
    ]
}

extension FaultBed {
    /// Another session holds the group's third key and then asks for its first one, while the group holds the first and
    /// asks for the third. A second session holds the group up in between, so that the group closes the circle, waits
    /// the last, and is the one that is broken off.
    fileprivate func deadlock() async throws {
        let group = try (0..<3).map { _ in try self.batch() }
        let gate = try self.database.connect()
        try gate.execute("SELECT pg_advisory_lock(7)")
        let middle = try self.database.connect()
        try middle.execute("BEGIN; \(group[1].occupation)")
        let settings = self.database.settings(DevCluster.superuser)
        let sql = """
            SET deadlock_timeout = '1h'; BEGIN; \(group[2].occupation); SELECT pg_advisory_xact_lock(7);
            \(group[0].numbered(1).occupation); ROLLBACK
            """
        try OwnedThread.start(name: "opposite") {
            do throws(PostgresError) {
                try PostgresConnection(settings).execute(sql)
            } catch {
                Issue.record(error)
            }
        }
        let admin = try self.database.connect()
        func waiting(_ event: String) throws -> Int64 {
            try admin.query(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = '\(event)'
                """
            ).integer(0, 0)
        }
        try await until { try waiting("advisory") == 1 }
        // What comes while the writer is held up is one group.
        let first = try self.batch()
        let obstacle = try self.database.connect()
        try obstacle.execute("BEGIN; \(first.occupation)")
        let before = self.store.submitAll([first])
        try await self.waitUntilBlocked()
        let answers = self.store.submitAll(group)
        try obstacle.execute("ROLLBACK")
        #expect(await before.all()[0].committed != nil)
        try await until { try waiting("transactionid") == 1 }
        try gate.execute("SELECT pg_advisory_unlock(7)")
        try await until { try waiting("transactionid") == 2 }
        try middle.execute("ROLLBACK")
        let results = await answers.all()
        #expect(results.allSatisfy { $0.committed != nil }, "\(results)")
        try self.expectStored(batches: 5, events: 5)
    }

    /// The group reads a floor that another session, which has read the batches, changes.
    fileprivate func serializationFailure() async throws {
        let other = try self.database.connect()
        try other.execute(
            """
            BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM docket.batches;
            INSERT INTO docket.producer_floors (tenant_id, producer_id, floor)
            VALUES (1, '\(self.maker.producer.uuidText)', -5)
            """)
        let obstacle = try self.database.connect()
        try obstacle.execute("BEGIN; \(try self.maker.batch(2, [self.maker.event(1)]).occupation)")
        try await self.expectUnnoticed {
            try await self.waitUntilBlocked()
            try other.execute("COMMIT")
            try obstacle.execute("ROLLBACK")
        }
    }
}
