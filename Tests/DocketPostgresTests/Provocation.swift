import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

/// A way to make the real server answer a commit group with an error, and what is promised then.
struct Provocation: Sendable, CustomTestStringConvertible {
    /// What the writer meets.
    let code: String
    let cause: String
    /// What the superuser runs before the writer connects.
    let setUp: String
    /// Provokes the error, and checks the promise.
    let check: @Sendable (FaultBed) async throws -> Void

    init(
        _ code: String, _ cause: String, setUp: String = "", check: @escaping @Sendable (FaultBed) async throws -> Void
    ) {
        self.code = code
        self.cause = cause
        self.setUp = setUp
        self.check = check
    }

    var testDescription: String { "\(self.code): \(self.cause)" }

    /// The entry of the tables of treatments that it is about.
    var entry: String { FailureTreatment.byCode[self.code] == nil ? String(self.code.prefix(2)) : self.code }

    /// All that the tests provoke. Each list is the argument of a test.
    static var all: [Provocation] {
        self.standing + self.passing + self.rows + self.raisedOnce + self.raisedForLong + self.ofServer + [
            self.diskFull
        ]
    }

    /// A fault of the installation that one statement brings about and another one takes away.
    private static func byStatement(_ code: String, _ cause: String, begin: String, end: String) -> Provocation {
        Provocation(code, cause) { bed in
            try await bed.expectUnavailable(
                while: { try bed.database.connect().execute(begin) }, until: { try bed.database.connect().execute(end) }
            )
        }
    }

    /// Faults that no sender can do anything about, and that only an operator takes away.
    static let standing: [Provocation] = [
        .byStatement(
            "0A000", "row-level security on the hot segment",
            begin: "ALTER TABLE docket.events_000001 ENABLE ROW LEVEL SECURITY",
            end: "ALTER TABLE docket.events_000001 DISABLE ROW LEVEL SECURITY"),
        .byStatement(
            "23502", "a column that another version fills in",
            begin: "ALTER TABLE docket.events ADD COLUMN extra int4; UPDATE docket.events SET extra = 1; "
                + "ALTER TABLE docket.events ALTER COLUMN extra SET NOT NULL",
            end: "ALTER TABLE docket.events ALTER COLUMN extra DROP NOT NULL"),
        .byStatement(
            "22P03", "a narrower column than this version's",
            begin: "ALTER TABLE docket.batches ALTER COLUMN sequence TYPE int4",
            end: "ALTER TABLE docket.batches ALTER COLUMN sequence TYPE int8"),
        .byStatement(
            "08P01", "a wider column than this version's",
            begin: "ALTER TABLE docket.batches ALTER COLUMN event_count TYPE int8",
            end: "ALTER TABLE docket.batches ALTER COLUMN event_count TYPE int4"),
        .byStatement(
            "23505", "a unique index that isn't Docket's",
            begin: "CREATE UNIQUE INDEX stray ON docket.events_000001 ((0))", end: "DROP INDEX docket.stray"),
        .byStatement(
            "42501", "a privilege that was taken away",
            begin: "REVOKE INSERT ON docket.batches FROM docket_writer",
            end: "GRANT INSERT ON docket.batches TO docket_writer"),
        .byStatement(
            "42P01", "a table that is gone", begin: "ALTER TABLE docket.events_000001 RENAME TO elsewhere",
            end: "ALTER TABLE docket.elsewhere RENAME TO events_000001"),
        .byStatement(
            "42703", "a column that is gone", begin: "ALTER TABLE docket.events RENAME COLUMN reason TO why",
            end: "ALTER TABLE docket.events RENAME COLUMN why TO reason"),
        .byStatement(
            "3F000", "a schema that is gone", begin: "ALTER SCHEMA docket RENAME TO elsewhere",
            end: "ALTER SCHEMA elsewhere RENAME TO docket"),
        .byStatement(
            "54001", "a trigger that calls itself without end",
            begin: """
                CREATE FUNCTION docket.recurse(n int8) RETURNS int8 LANGUAGE plpgsql
                    AS $$ BEGIN RETURN docket.recurse(n + 1); END $$;
                CREATE FUNCTION docket.fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
                    AS $$ BEGIN PERFORM docket.recurse(1); RETURN NEW; END $$;
                CREATE TRIGGER fault BEFORE INSERT ON docket.batches FOR EACH ROW EXECUTE FUNCTION docket.fault()
                """,
            end: "DROP TRIGGER fault ON docket.batches"),
        .byStatement(
            "55000", "a default that asks for what isn't there yet",
            begin: """
                CREATE SEQUENCE docket.stray; GRANT ALL ON docket.stray TO docket_writer;
                ALTER TABLE docket.batches ADD COLUMN stray int8;
                ALTER TABLE docket.batches ALTER COLUMN stray SET DEFAULT currval('docket.stray')
                """,
            end: "ALTER TABLE docket.batches ALTER COLUMN stray DROP DEFAULT"),
        Provocation("22P04", "a stream that the server can't take apart") { bed in
            try await bed.expectUnavailable(while: {}, until: {}) { batch in
                // The number of fields in front of the first tuple.
                batch.with(tuples: [0, 5] + batch.tuples.dropFirst(2))
            }
        },
    ]

    /// Faults of one row.
    static let rows: [Provocation] = [
        Provocation("22021", "text that is no UTF-8") { bed in
            try await bed.expectQuarantined(bed.maker.poisoned(50, events: 3), code: "22021")
        },
        Provocation("22008", "a time that PostgreSQL can't hold") { bed in
            let batch = try bed.batch(events: 3)
            // Behind the number of fields and the batch's id, each value with its length: occurred_at.
            let start = try batch.tupleRanges()[1].lowerBound + 2 + 4 + 8 + 4
            var tuples = batch.tuples
            tuples.replaceSubrange(start..<start + 8, with: [0x7F] + [UInt8](repeating: 0xFF, count: 6) + [0xF0])
            try await bed.expectQuarantined(batch.with(tuples: tuples), code: "22008")
        },
        Provocation(
            "23514", "a CHECK that an operator has added",
            setUp: "ALTER TABLE docket.events_000001 ADD CHECK (scope <> 'forbidden')"
        ) { bed in
            let events = (1...3).map { bed.maker.event(UInt64($0), scope: $0 == 2 ? "forbidden" : "other") }
            try await bed.expectQuarantined(bed.maker.batch(50, events), code: "23514")
        },
        Provocation(
            "54000", "a text too long for an index that an operator has added",
            setUp: "CREATE INDEX ON docket.events_000001 (reason)"
        ) { bed in
            var generator = SeededGenerator.ofRun("54000")
            var events = (1...3).map { bed.maker.event(UInt64($0)) }
            // At random, so that it can't be compressed.
            let bytes = (0..<8000).map { _ in UInt8.random(in: 33...126, using: &generator) }
            events[1].reason = String(decoding: bytes, as: UTF8.self)
            try await bed.expectQuarantined(bed.maker.batch(50, events), code: "54000")
        },
    ]
}
