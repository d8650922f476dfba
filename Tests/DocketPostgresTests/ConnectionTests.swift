import DevCluster
import DocketCodec
import DocketModel
import DocketThreads
import Synchronization
import Testing

@testable import DocketPostgres

@Suite("A connection")
struct ConnectionTests {
    private func connection() throws -> PostgresConnection { try TestDatabase.empty().connect() }

    @Test("parameters of every type come back as they went")
    func parameters() throws {
        let time = Timestamp(microsecondsSinceEpoch: -62_135_596_800_000_000)
        let rows = try self.connection().query(
            """
            SELECT $1::bool, $2::int2, $3::int4, $4::int8, $5::text, $6::bytea, $7::uuid, $8::timestamptz, $9::int4[],
                $10::text
            """,
            [
                .bool(true), .int2(.min), .int4(.max), .int8(.min), .text("a\t\\N'é"), .bytes([0, 1, 255]),
                .uuid([UInt8](0..<16)), .timestamp(time), .int4Array([3, -1]), .null,
            ])
        #expect(rows.count == 1)
        #expect(try rows.bool(0, 0))
        #expect(try rows.integer(0, 1) == Int16.min)
        #expect(try rows.integer(0, 2) == Int32.max)
        #expect(try rows.integer(0, 3) == Int64.min)
        #expect(try rows.text(0, 4) == "a\t\\N'é")
        #expect(try rows.bytes(0, 5) == [0, 1, 255])
        #expect(try rows.bytes(0, 6) == [UInt8](0..<16))
        #expect(try rows.timestamp(0, 7) == time)
        #expect(try rows.int4Array(0, 8) == [3, -1])
        #expect(try rows.optionalText(0, 9) == nil)
    }

    @Test("empty texts, bytes and arrays are not NULL, also as the last parameter")
    func emptyParameters() throws {
        let rows = try self.connection().query(
            "SELECT $1::text, $2::int4[], cardinality($3::text[]), $4::bytea IS NULL",
            [.text(""), .int4Array([]), .textArray([]), .bytes([])])
        #expect(try rows.text(0, 0) == "")
        #expect(try rows.int4Array(0, 1) == [])
        #expect(try rows.integer(0, 2) == Int32(0))
        #expect(try !rows.bool(0, 3))
    }

    @Test("an answer of another type than expected is an error that names the column, never a trap")
    func wrongTypes() throws {
        let rows = try self.connection().query(
            "SELECT 1::int4 AS small, NULL::text AS nothing, '{{1}}'::int4[] AS nested")
        for read in [
            { _ = try rows.integer(0, 0, as: Int64.self) }, { _ = try rows.text(0, 1) },
            { _ = try rows.int4Array(0, 2) },
            { _ = try rows.int4Array(0, 0) }, { _ = try rows.timestamp(0, 0) },
        ] as [() throws -> Void] {
            let error = #expect(throws: PostgresError.self) { try read() }
            #expect(error?.code == .unexpectedAnswer)
            #expect(["small", "nothing", "nested"].contains { error?.message.contains($0) == true })
        }
    }

    @Test("an error of a statement has its code, and the connection goes on")
    func statementError() throws {
        let connection = try self.connection()
        for run in [
            { _ = try connection.query("SELECT 1 / 0") },
            { try connection.execute("SELECT 1; SELECT 1 / 0; SELECT 2") },
        ] as [() throws -> Void] {
            let error = #expect(throws: PostgresError.self) { try run() }
            #expect(error?.code == .statementFailed)
            #expect(error?.sqlstate == SQLState("22012"))
            #expect(connection.isAlive && connection.isIdle)
        }
        #expect(try connection.query("SELECT 5::int4").integer(0, 0) == Int32(5))
    }

    @Test("an error in the middle of a COPY stores nothing, and the connection goes on")
    func copyError() throws {
        let connection = try self.connection()
        try connection.execute("CREATE TABLE t (n int4)")
        // Large, so that the server's error comes while data is still being sent.
        let chunks = [[UInt8]](repeating: [UInt8](repeating: 0x58, count: 1 << 20), count: 16)
        let error = #expect(throws: PostgresError.self) {
            try connection.copyIn("INSERT INTO t VALUES (1); COPY t FROM STDIN (FORMAT binary)", streams: [chunks])
        }
        #expect(error?.code == .statementFailed)
        #expect(error?.sqlstate == SQLState("22P04"))
        #expect(try connection.query("SELECT count(*) FROM t").integer(0, 0) == Int64(0))
    }

    @Test("a statement before the COPY that fails is the error, and the COPY doesn't run")
    func errorBeforeCopy() throws {
        let connection = try self.connection()
        try connection.execute("CREATE TABLE t (n int4 PRIMARY KEY); INSERT INTO t VALUES (1)")
        let error = #expect(throws: PostgresError.self) {
            try connection.copyIn("INSERT INTO t VALUES (1); COPY t FROM STDIN", streams: [[Array("2\n".utf8)]])
        }
        #expect(error?.sqlstate == .uniqueViolation)
        #expect(error?.constraint == "t_pkey")
        #expect(try connection.query("SELECT count(*) FROM t").integer(0, 0) == Int64(1))
    }

    @Test("a connection that the server ended says so, whatever it is asked", arguments: 0..<3)
    func lost(way: Int) throws {
        let database = try TestDatabase.empty()
        let connection = try database.connect()
        try connection.execute("CREATE TABLE t (n int4)")
        _ = try database.number("SELECT count(pg_terminate_backend(\(connection.backendProcessID)))")
        let error = #expect(throws: PostgresError.self) {
            switch way {
            case 0: _ = try connection.query("SELECT 1")
            case 1: try connection.execute("SELECT 1")
            default: try connection.copyIn("COPY t FROM STDIN", streams: [[[UInt8](repeating: 0x31, count: 1 << 22)]])
            }
        }
        #expect(error?.code == .connectionLost, "\(error as Any)")
        #expect(!connection.isAlive)
    }

    @Test("a password never shows: not in a description, not in an error")
    func passwords() throws {
        for conninfo in [
            "host=/nowhere dbname=docket user=me password=hunter2", "postgresql://me:hunter2@127.0.0.1:1/docket",
            "password=hunter2 = broken", "postgresql://me:hunter2@[broken",
        ] {
            let settings = ConnectionSettings(conninfo: conninfo)
            #expect(!"\(settings)".contains("hunter2"))
            let error = #expect(throws: PostgresError.self) { _ = try PostgresConnection(settings) }
            #expect(error.map { "\($0)".contains("hunter2") } == false)
        }
        #expect(throws: PostgresError.self) { try ConnectionSettings(conninfo: "a=b=c").validate() }
        #expect(throws: Never.self) { try ConnectionSettings(conninfo: "docket").validate() }
    }

    @Test("a server that can't be reached is named")
    func unreachable() throws {
        let error = #expect(throws: PostgresError.self) {
            _ = try PostgresConnection(ConnectionSettings(conninfo: "host=/nowhere dbname=docket"))
        }
        #expect(error?.code == .connectFailed)
        #expect(error?.message.contains("host=/nowhere dbname=docket") == true)
    }
}

@Suite("The text of a commit group")
struct CommitStatementTests {
    private let segment = HotSegment(id: 7, table: "events_000007")

    @Test("rows of batches come in the order of their keys, whatever the order of submission, and name their segment")
    func sortedKeys() throws {
        let maker = BatchMaker()
        let batches = try [9, 3, 7].map { try maker.batch($0, [maker.event(1)]) }
        let stream = CommitStatement.commit(batches, segment: self.segment).streams[0].flatMap { $0 }
        #expect(stream == BatchTuples.stream([batches[1], batches[2], batches[0]], segment: 7))
        #expect(stream.starts(with: CopyStream.header))
        // The segment, the two ends of the skew, and no marks.
        let tail = [0, 0, 0, 4, 0, 0, 0, 7] + Array(stream.suffix(38).prefix(24)) + [UInt8](repeating: 255, count: 12)
        #expect(stream.suffix(46) == tail + CopyStream.trailer)
    }

    @Test("the events' stream is a header, each batch's tuples untouched, and a trailer")
    func stream() throws {
        let maker = BatchMaker()
        let batches = try [1, 2].map { try maker.batch($0, [maker.event(1)]) }
        let script = CommitStatement.commit(batches, segment: self.segment)
        #expect(script.streams.count == 2)
        #expect(script.streams[1] == [CopyStream.header, batches[0].tuples, batches[1].tuples, CopyStream.trailer])
        #expect(script.sql.hasSuffix("FROM STDIN (FORMAT binary)") && script.sql.contains(" docket.events_000007 "))
    }

    @Test("each producer's lowest sequence is held against its floor, once")
    func floors() throws {
        var other = BatchMaker()
        other.producer = ProducerID(high: 1, low: 2)
        let maker = BatchMaker()
        let batches = try [9, 3].map { try maker.batch($0, [maker.event(1)]) } + [try other.batch(5, [maker.event(1)])]
        let sql = CommitStatement.commit(batches, segment: self.segment).sql
        let check =
            "docket.check_floors('{1,1}','{00000000000000010000000000000002,112233445566778899aabbccddeeff00}','{5,3}')"
        #expect(sql.contains(check), "\(sql)")
    }

    @Test("rejected events go as they are, each behind its row, and between the batches' rows and the events")
    func quarantine() throws {
        let maker = BatchMaker()
        let batch = try maker.batch(
            1, [maker.event(1), maker.event(2, type: "unknown"), maker.event(3, type: "unknown")])
        let script = CommitStatement.commit([batch], segment: self.segment)
        #expect(script.streams.count == 3 && script.streams[2].contains(batch.tuples))
        let chunks = script.streams[1]
        #expect(chunks.count == 6 && chunks.first == CopyStream.header && chunks.last == CopyStream.trailer)
        #expect([chunks[2], chunks[4]] == batch.quarantined.map(\.event))
        let length = UInt32(batch.quarantined[1].event.count).bigEndian
        #expect(chunks[3].suffix(4) == withUnsafeBytes(of: length) { Array($0) })
        let tables = script.sql.split(separator: ";").filter { $0.hasPrefix("COPY ") }.map {
            $0.split(separator: " ")[1]
        }
        #expect(tables == ["docket.batches", "docket.quarantine_intake", "docket.events_000007"])
    }

    @Test("without any accepted event there is no COPY of events")
    func noCopy() throws {
        let maker = BatchMaker()
        let batch = try maker.batch(1, [maker.event(1, type: "unknown")])
        let script = CommitStatement.commit([batch], segment: self.segment)
        #expect(script.streams.count == 2 && !script.sql.contains("events_000007"))
        #expect(!CommitStatement.hasTuples([batch]))
    }
}

@Suite("A lock that threads can wait on")
struct MonitorTests {
    @Test("a waiting thread is woken by the change that it waits for, and a wait with a limit ends without it")
    func waiting() async throws {
        let monitor = Monitor(0)
        #expect(monitor.wait(for: .milliseconds(5)) { $0 == 1 ? true : nil } == nil)
        let seen = await withCheckedContinuation { continuation in
            do {
                try OwnedThread.start(name: "waiter") {
                    continuation.resume(returning: monitor.wait { $0 == 100 ? $0 : nil })
                }
            } catch {
                continuation.resume(returning: nil)
            }
            for _ in 0..<100 { monitor.withLock(wakingAll: true) { $0 += 1 } }
        }
        #expect(seen == 100)
    }
}

@Suite("A pool of connections")
struct ConnectionPoolTests {
    @Test("work runs on as many connections as there are, and a failed piece of work doesn't disturb the next one")
    func work() async throws {
        let database = try TestDatabase.empty()
        let pool = try ConnectionPool(settings: database.settings(DevCluster.superuser), size: 3, name: "test")
        let processes = try await withThrowingTaskGroup(of: Int32.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await pool.run { connection throws(PostgresError) in
                        try connection.query("SELECT pg_backend_pid()").integer(0, 0)
                    }
                }
            }
            return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
        }
        #expect((1...3).contains(processes.count))
        await #expect(throws: PostgresError.self) {
            try await pool.run { connection throws(PostgresError) in try connection.execute("BEGIN; SELECT 1 / 0") }
        }
        for _ in 0..<6 {
            let isIdle = try await pool.run { connection throws(PostgresError) in connection.isIdle }
            #expect(isIdle, "no piece of work meets another one's transaction")
        }
        pool.close()
        await #expect(throws: PostgresError.self) { try await pool.run { _ throws(PostgresError) in } }
    }

    @Test("work that may not be repeated is not, when the connection turns out to be lost")
    func notRepeated() async throws {
        let database = try TestDatabase.empty()
        let pool = try ConnectionPool(settings: database.settings(DevCluster.superuser), size: 1, name: "test")
        let runs = Mutex(0)
        for (isRepeatable, expected) in [(false, 1), (true, 2)] {
            let process = try await pool.run { connection throws(PostgresError) in connection.backendProcessID }
            _ = try database.number("SELECT count(pg_terminate_backend(\(process)))")
            runs.withLock { $0 = 0 }
            let body: @Sendable (PostgresConnection) throws(PostgresError) -> Void = {
                connection throws(PostgresError) in
                runs.withLock { $0 += 1 }
                try connection.execute("SELECT 1")
            }
            try? await pool.run(isRepeatable: isRepeatable, body)
            #expect(runs.withLock { $0 } == expected)
        }
    }
}
