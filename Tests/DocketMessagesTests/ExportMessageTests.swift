import CDocketProtos
import CProtobufC
import DocketMessages
import DocketModel
import DocketTestSupport
import Testing

@Suite("ExportRequest")
struct ExportRequestMessageTests {
    @Test("a request comes back as it went")
    func roundTrip() throws {
        var filter = EventFilter()
        filter.scope = "blue"
        let requests = [
            ExportRequestMessage(),
            ExportRequestMessage(
                tenant: "acme", filter: filter, from: LogPosition(logIndex: .max, position: .max), endLogIndex: 0),
        ]
        for request in requests {
            #expect(try ExportRequestMessage(serialized: request.serialized()) == request)
        }
        #expect(try ExportRequestMessage(serialized: []) == ExportRequestMessage())
    }

    @Test(
        "a place that no log has is refused by its name",
        arguments: [
            ("from.log_index", [0x1A, 11, 0x08] + [UInt8](repeating: 0xFF, count: 9) + [1]),
            ("from.position", [0x1A, 6, 0x10, 0x80, 0x80, 0x80, 0x80, 0x08]),
            ("end_log_index", [0x20] + [UInt8](repeating: 0xFF, count: 9) + [1]),
        ] as [(String, [UInt8])])
    func places(field: String, bytes: [UInt8]) {
        let error = #expect(throws: MessageError.self) { try ExportRequestMessage(serialized: bytes) }
        #expect(error?.code == .outOfRange && error?.field == field)
    }
}

@Suite("ExportResponse")
struct ExportResponseMessageTests {
    private static let full = ExportResponseMessage(
        events: [0, nil, .max].map { logIndex in
            StoredEventMessage(
                event: [0x1A, 1, 0x74], tenant: "acme", receivedAt: Timestamp(microsecondsSinceEpoch: 5), batchID: 7,
                position: 3, logIndex: logIndex)
        },
        next: LogPosition(logIndex: 1 << 40, position: 9),
        summary: .init(eventCount: 3, endLogIndex: 1 << 40, tenant: "acme"))

    @Test("a part comes back as it went, its log indexes included, of which 0 is one")
    func roundTrip() throws {
        for part in [Self.full, ExportResponseMessage(events: [], next: .start)] {
            #expect(try ExportResponseMessage(serialized: part.serialized()) == part)
        }
    }

    @Test("protobuf-c reads what is written here, and writes what is read here")
    func protobufC() throws {
        let bytes = Self.full.serialized()
        let part = try #require(docket__v1__export_response__unpack(nil, bytes.count, bytes))
        defer { docket__v1__export_response__free_unpacked(part, nil) }
        #expect(part.pointee.n_events == 3)
        #expect(part.pointee.next.pointee.log_index == 1 << 40 && part.pointee.next.pointee.position == 9)
        #expect(part.pointee.summary.pointee.event_count == 3 && part.pointee.summary.pointee.tenant.len == 4)
        #expect(try #require(part.pointee.events[0]).pointee.has_log_index == 1)
        #expect(try #require(part.pointee.events[1]).pointee.has_log_index == 0)
        var packed = [UInt8](repeating: 0, count: docket__v1__export_response__get_packed_size(part))
        docket__v1__export_response__pack(part, &packed)
        #expect(try ExportResponseMessage(serialized: packed) == Self.full)
    }

    @Test("damaged bytes never trap, and more events than any honest part has are refused")
    func damaged() {
        var generator = SeededGenerator.ofRun("damaged export responses")
        let good = Self.full.serialized()
        for _ in 0..<5_000 {
            var bytes = good
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            _ = try? ExportResponseMessage(serialized: bytes)
        }
        let many = [[UInt8]](repeating: [0x0A, 0], count: QueryResponseMessage.maxEvents + 1).flatMap { $0 }
        #expect(throws: MessageError.self) { try ExportResponseMessage(serialized: many) }
    }
}
