import DocketCodec
import DocketModel
import Testing

@Suite("Rows and columns")
struct StoredRowTests {
    /// The columns in the order and with the types that the table is created with.
    @Test("the columns are those of the events table, in COPY order")
    func columns() {
        let expected = """
            batch_id int8, occurred_at timestamptz, event_id uuid, tenant_id int4, type_id int4, position int4, \
            decision int2, outcome int2, duration_us int8?, risk_score float8?, payload_in_size_bytes int8?, \
            payload_out_size_bytes int8?, scope text?, actor_kind text?, actor_id text?, actor_user_id text?, \
            action text?, resource_type text?, resource_id text?, reason text?, policy text?, session_id text?, \
            request_id text?, agent_id text?, source text?, source_event_id text?, payload_hash text?, trace_id \
            bytea?, span_id bytea?, delegation json?, obligations json?, evaluated_rules json?, attributes json?
            """
        let columns = EventColumn.allCases.map { "\($0.sqlName) \($0.sqlType)\($0.isNullable ? "?" : "")" }
        #expect(columns.joined(separator: ", ") == expected)
        #expect(EventColumn.sqlList.hasPrefix("batch_id, occurred_at, event_id, "))
        #expect(EventColumn.count == 33)
    }

    @Test("a COPY stream opens with PostgreSQL's signature and closes with -1")
    func stream() {
        #expect(CopyStream.header == Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [0, 0, 0, 0, 0, 0, 0, 0])
        #expect(CopyStream.trailer == [0xFF, 0xFF])
    }

    @Test("a tuple has the bytes that COPY's binary format documents")
    func goldenTuple() throws {
        var event = Event(
            eventID: EventID(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F), type: "t",
            // 2000-01-01T00:00:01Z
            occurredAt: Timestamp(microsecondsSinceEpoch: 946_684_801_000_000))
        event.decision = .deny
        event.riskScore = 1.5
        event.durationMicroseconds = 258
        event.scope = "é"
        event.spanID = SpanID(0x0102_0304_0506_0708)
        let null: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        let expected: [[UInt8]] =
            [
                [0, 33], [0, 0, 0, 8, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF],
                [0, 0, 0, 8, 0, 0, 0, 0, 0, 0x0F, 0x42, 0x40], [0, 0, 0, 16] + Array(0...15),
                [0, 0, 0, 4, 0, 0, 0, 5], [0, 0, 0, 4, 0, 0, 0, 42], [0, 0, 0, 4, 0, 0, 0, 0],
                [0, 0, 0, 2, 0, 2], [0, 0, 0, 2, 0, 0],
                [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2], [0, 0, 0, 8, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0],
                null, null, [0, 0, 0, 2, 0xC3, 0xA9],
            ] + [[UInt8]](repeating: null, count: 15) + [[0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]]
            + [[UInt8]](repeating: null, count: 4)
        #expect(try Bench().encode([event]).tuples == expected.flatMap { $0 })
    }

    @Test("a batch id carries its millisecond, node and counter")
    func batchIDs() throws {
        let time = Timestamp(microsecondsSinceEpoch: 1_700_000_000_123_999)
        let batchID = try #require(BatchID.make(at: time, node: 1023, counter: 4095))
        let milliseconds: Int64 = 1_700_000_000_123 - 1_577_836_800_000
        #expect(batchID == milliseconds << 22 | 0x3F_FFFF)
        #expect(BatchID.receivedAt(of: batchID).microsecondsSinceEpoch == 1_700_000_000_123_000)
        #expect(BatchID.make(at: Timestamp(microsecondsSinceEpoch: 1_577_836_800_000_000), node: 0, counter: 0) == 0)
        #expect(BatchID.make(at: Timestamp(microsecondsSinceEpoch: 1_577_836_799_999_999), node: 0, counter: 0) == nil)
        #expect(BatchID.make(at: Timestamp(microsecondsSinceEpoch: .min), node: 0, counter: 0) == nil)
        #expect(BatchID.make(at: Timestamp(microsecondsSinceEpoch: .max), node: 0, counter: 0) == nil)
        #expect(BatchID.make(at: time, node: 1024, counter: 0) == nil)
        #expect(BatchID.make(at: time, node: 0, counter: 4096) == nil)
        #expect(BatchID.receivedAt(of: .min) > BatchID.receivedAt(of: .max))
    }

    /// A row whose columns are those of a minimal event but one.
    private func row(_ changed: EventColumn, _ bytes: [UInt8]?) throws(CodecError) -> DecodedRow {
        var columns: [EventColumn: [UInt8]] = [
            .batchID: [0, 0, 0, 0, 0, 0, 0, 1], .occurredAt: [UInt8](repeating: 0, count: 8),
            .eventID: [UInt8](repeating: 1, count: 16), .tenantID: [0, 0, 0, 1], .typeID: [0, 0, 0, 42],
            .position: [0, 0, 0, 3], .decision: [0, 0], .outcome: [0, 0],
        ]
        columns[changed] = bytes
        var tuple: [UInt8] = [0, 33]
        for column in EventColumn.allCases {
            if let value = columns[column] {
                tuple += [0, 0, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
            } else {
                tuple += [0xFF, 0xFF, 0xFF, 0xFF]
            }
        }
        var reader = TupleReader(tuples: tuple) { $0 == 42 ? "t" : nil }
        guard let row = try reader.next() else { throw CodecError(code: .invalidRow, message: "no row") }
        return row
    }

    @Test("a row as it should be is read")
    func soundRow() throws {
        let row = try self.row(.scope, Array("s".utf8))
        #expect(row.event.scope == "s")
        #expect(row.event.type == "t")
        #expect(row.event.occurredAt.rfc3339 == "2000-01-01T00:00:00Z")
        #expect(row.batchID == 1)
        #expect(row.position == 3)
    }

    @Test(
        "a row that no collector writes is an error that names the column",
        arguments: [
            (EventColumn.batchID, nil), (.batchID, [1]), (.occurredAt, [UInt8](repeating: 0x7F, count: 8)),
            (.eventID, [1]),
            (.typeID, [0, 0, 0, 1]), (.decision, [0, 9]), (.outcome, nil), (.riskScore, [1, 2, 3]), (.scope, [0xFF]),
            (.traceID, [1, 2]), (.spanID, []), (.delegation, Array("[1]".utf8)), (.durationUs, [0, 0, 0, 1]),
            (.occurredAt, [0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] as [(EventColumn, [UInt8]?)])
    func faults(_ column: EventColumn, _ bytes: [UInt8]?) throws {
        do throws(CodecError) {
            _ = try self.row(column, bytes)
            Issue.record("\(column.sqlName) was read")
        } catch {
            #expect(error.code == .invalidRow)
            #expect(error.message.contains(column.sqlName))
        }
    }

    @Test("tuples that are cut off or damaged are an error", arguments: [1, 2, 5, 30, 100])
    func cutOff(_ count: Int) throws {
        let tuples = try Bench().encode([
            Event(eventID: EventID(high: 1, low: 2), type: "t", occurredAt: Timestamp(microsecondsSinceEpoch: 3))
        ]).tuples
        var cut = TupleReader(tuples: Array(tuples.dropLast(count))) { _ in "t" }
        #expect(throws: CodecError.self) { try cut.rows() }
        var header = TupleReader(tuples: CopyStream.header + tuples) { _ in "t" }
        #expect(throws: CodecError.self) { try header.rows() }
        var trailer = TupleReader(tuples: tuples + CopyStream.trailer) { _ in "t" }
        #expect(throws: CodecError.self) { try trailer.rows() }
    }
}
