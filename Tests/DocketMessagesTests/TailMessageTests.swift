import CDocketProtos
import CProtobufC
import DocketMessages
import DocketModel
import Testing

@Suite("TailRequest")
struct TailRequestMessageTests {
    @Test("a request comes back as it went: from now on, or from a place, of which the first is one")
    func roundTrip() throws {
        var filter = EventFilter()
        filter.decision = .deny
        for from in [nil, .start, LogPosition(logIndex: .max, position: .max)] as [LogPosition?] {
            let request = TailRequestMessage(tenant: "acme", filter: filter, from: from)
            #expect(try TailRequestMessage(serialized: request.serialized()) == request)
        }
        #expect(try TailRequestMessage(serialized: []) == TailRequestMessage())
    }

    @Test("a place that no log has is refused by its name")
    func places() {
        let bytes: [UInt8] = [0x1A, 11, 0x08] + [UInt8](repeating: 0xFF, count: 9) + [1]
        let error = #expect(throws: MessageError.self) { try TailRequestMessage(serialized: bytes) }
        #expect(error?.code == .outOfRange && error?.field == "from.log_index")
    }
}

@Suite("TailResponse")
struct TailResponseMessageTests {
    private static let full = TailResponseMessage(
        events: [
            StoredEventMessage(
                event: [0x1A, 1, 0x74], tenant: "acme", receivedAt: Timestamp(microsecondsSinceEpoch: 5), batchID: 7,
                position: 3, logIndex: 0)
        ],
        next: LogPosition(logIndex: 1 << 40, position: 9), missedCount: 1 << 33)

    @Test("a part comes back as it went")
    func roundTrip() throws {
        for part in [Self.full, TailResponseMessage(next: .start)] {
            #expect(try TailResponseMessage(serialized: part.serialized()) == part)
        }
    }

    @Test("protobuf-c reads what is written here")
    func protobufC() throws {
        let bytes = Self.full.serialized()
        let part = try #require(docket__v1__tail_response__unpack(nil, bytes.count, bytes))
        defer { docket__v1__tail_response__free_unpacked(part, nil) }
        #expect(part.pointee.n_events == 1 && part.pointee.missed_count == 1 << 33)
        #expect(part.pointee.next.pointee.log_index == 1 << 40 && part.pointee.next.pointee.position == 9)
    }

    @Test("more events than a part may have, and bytes that are no message, are refused")
    func refused() {
        let event: [UInt8] = [0x0A, 0]
        let many = [[UInt8]](repeating: event, count: QueryResponseMessage.maxEvents + 1).flatMap { $0 }
        #expect(throws: MessageError.self) { try TailResponseMessage(serialized: many) }
        #expect(throws: MessageError.self) { try TailResponseMessage(serialized: [0x12, 5]) }
    }
}
