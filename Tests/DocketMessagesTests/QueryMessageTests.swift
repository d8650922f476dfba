import CDocketProtos
import CProtobufC
import DocketMessages
import DocketModel
import DocketTestSupport
import Testing

@Suite("QueryRequest")
struct QueryRequestMessageTests {
    private static func conditions(_ pointer: String, _ value: String) -> [AttributeCondition] {
        JSONPointer(pointer).map { [AttributeCondition(pointer: $0, value: value)] } ?? []
    }

    private static var full: QueryRequestMessage {
        var filter = EventFilter()
        filter.scope = ""
        filter.type = "authz.decision"
        filter.actorID = "é🗂"
        filter.sessionID = "s"
        filter.resourceType = "pods"
        filter.resourceID = String(repeating: "r", count: 512)
        filter.action = "secrets.read"
        filter.decision = .mask
        filter.occurredFrom = .earliest
        filter.occurredTo = .latest
        filter.eventID = EventID(high: 1, low: .max)
        filter.requestID = "request\\1"
        filter.agentID = ""
        filter.traceID = TraceID(high: .max, low: 2)
        filter.typePrefix = "authz."
        filter.outcome = .error
        filter.source = ""
        filter.policy = "default-deny"
        filter.minRiskScore = -0.5
        filter.text = "é"
        filter.attributes = Self.conditions("/a~1b/~0/0", "x=y") + Self.conditions("/", "")
        return QueryRequestMessage(
            tenant: "acme", filter: filter, order: .oldestFirst, pageSize: 1_000, pageToken: [0, 1, 255])
    }

    @Test("a request comes back as it went; an absent field differs from an empty one")
    func roundTrip() throws {
        for request in [Self.full, QueryRequestMessage(), QueryRequestMessage(tenant: "t", pageSize: 1)] {
            #expect(try QueryRequestMessage(serialized: request.serialized()) == request)
        }
    }

    @Test("a mask comes back as the fields that it names; one of none, or of all, asks for all")
    func mask() throws {
        var request = QueryRequestMessage(fields: EventFields([.type, .actorID, .logIndex]))
        #expect(request.serialized().suffix(2) == Array("ex".utf8))
        #expect(try QueryRequestMessage(serialized: request.serialized()) == request)
        request.fields = .all
        #expect(request.serialized() == QueryRequestMessage().serialized())
        #expect(try QueryRequestMessage(serialized: [0x4A, 0]).fields == .all)
        let path = Array("event.actor".utf8)
        let actor = try QueryRequestMessage(serialized: [0x4A, 13, 0x0A, 11] + path).fields
        #expect(actor == EventFields([.actorKind, .actorID, .actorUserID]))
    }

    @Test("a mask that names no field is refused with what may be asked for, and so is one of too many paths")
    func wrongMask() throws {
        let error = #expect(throws: MessageError.self) {
            try QueryRequestMessage(serialized: [0x4A, 7, 0x0A, 5] + Array("actor".utf8))
        }
        #expect(error?.field == "read_mask")
        #expect(error?.message.contains("'actor'") == true)
        for field in EventField.allCases { #expect(error?.message.contains(field.path) == true) }
        let tenants = (0..<101).flatMap { _ -> [UInt8] in [0x0A, 6] + Array("tenant".utf8) }
        let many = #expect(throws: MessageError.self) {
            try QueryRequestMessage(serialized: [0x4A, 0xA8, 0x06] + tenants)
        }
        #expect(many?.message.contains("101 paths exceed 100") == true)
    }

    @Test("an event is masked as it travels: what no event goes without is taken out of its encoding")
    func maskedEvent() throws {
        // An id, a type, a time, a fixed-width score, and a reason.
        let score: [UInt8] = [0x81, 0x01, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]
        let (id, type, time, reason): ([UInt8], [UInt8], [UInt8], [UInt8]) = (
            [0x0A, 1, 7], [0x1A, 1, 0x74], [0x20, 5], [0x62, 1, 0x72]
        )
        let whole = StoredEventMessage(
            event: id + type + time + reason + score, tenant: "t",
            receivedAt: Timestamp(microsecondsSinceEpoch: 1), batchID: 2, position: 3)
        var masked = whole
        try masked.mask(.all)
        #expect(masked == whole)
        try masked.mask(EventFields([.type, .reason, .riskScore, .batchID]))
        #expect(
            masked
                == StoredEventMessage(
                    event: type + reason + score, tenant: "", receivedAt: Timestamp(microsecondsSinceEpoch: 0),
                    batchID: 2, position: 0))
        masked.event = [0x0A, 9]
        #expect(throws: MessageError.self) { try masked.mask(EventFields([.type])) }
    }

    @Test("no bytes at all ask for the newest hundred events")
    func defaults() throws {
        let request = try QueryRequestMessage(serialized: [])
        #expect(
            request
                == QueryRequestMessage(
                    tenant: "", filter: EventFilter(), order: .newestFirst, pageSize: 100, pageToken: []))
    }

    @Test("the bytes are those that stock protobuf writes")
    func golden() {
        var filter = EventFilter()
        filter.decision = .deny
        filter.occurredFrom = Timestamp(microsecondsSinceEpoch: -1)
        let request = QueryRequestMessage(tenant: "a", filter: filter, order: .newestFirst, pageSize: 300)
        #expect(
            request.serialized()
                == [0x0A, 1, 0x61, 0x12, 13, 0x38, 2, 0x40] + [UInt8](repeating: 0xFF, count: 9) + [
                    1, 0x18, 1, 0x20, 0xAC, 0x02,
                ])
    }

    @Test(
        "what the .proto file does not allow is refused, and the field is named",
        arguments: [
            ([0x20, 0xE9, 0x07], "page_size", MessageError.Code.outOfRange),
            ([0x18, 3], "order", .outOfRange),
            ([0x18] + [UInt8](repeating: 0xFF, count: 9) + [1], "order", .outOfRange),
            ([0x12, 2, 0x38, 4], "filter.decision", .outOfRange),
            ([0x12, 3, 0x52, 1, 7], "filter.event_id", .outOfRange),
            ([0x12, 2, 0x52, 0], "filter.event_id", .outOfRange),
            ([0x12, 17, 0x72, 15] + [UInt8](repeating: 7, count: 15), "filter.trace_id", .outOfRange),
            ([0x12, 19, 0x72, 17] + [UInt8](repeating: 7, count: 17), "filter.trace_id", .outOfRange),
            ([0x12, 2, 0x72, 0], "filter.trace_id", .outOfRange),
            ([0x12, 3, 0x62, 1, 0xFF], "filter.request_id", .invalidText),
            ([0x12, 3, 0x6A, 1, 0], "filter.agent_id", .invalidText),
            ([0x12, 11, 0x40] + [UInt8](repeating: 0x80, count: 9) + [1], "filter.occurred_from_us", .outOfRange),
            ([0x12, 10, 0x48] + [UInt8](repeating: 0xFF, count: 8) + [0x7F], "filter.occurred_to_us", .outOfRange),
            ([0x12, 3, 0x80, 1, 4], "filter.outcome", .outOfRange),
            ([0x12, 10, 0x99, 1, 0, 0, 0, 0, 0, 0, 0xF8, 0x7F], "filter.min_risk_score", .outOfRange),
            ([0x12, 3, 0xA2, 1, 0], "filter.text", .outOfRange),
            ([0x12, 3, 0xAA, 1, 0], "filter.attributes.pointer", .outOfRange),
            ([0x12, 6, 0xAA, 1, 3, 0x0A, 1, 0x61], "filter.attributes.pointer", .outOfRange),
            ([0x12, 7, 0xAA, 1, 4, 0x0A, 2, 0x2F, 0x7E], "filter.attributes.pointer", .outOfRange),
            ([0x12, 9, 0xAA, 1, 6, 0x0A, 1, 0x2F, 0x12, 1, 0xFF], "filter.attributes.value", .invalidText),
            ([0x12, 51] + [[UInt8]](repeating: [0xAA, 1, 0], count: 17).joined(), "filter.attributes", .outOfRange),
            ([0x0A, 1, 0xFF], "tenant", .invalidText),
            ([0x0A, 1, 0], "tenant", .invalidText),
            ([0x12, 4, 0x0A, 2, 0x61, 0], "filter.scope", .invalidText),
            ([0x12, 3, 0x5A, 1, 0xC0], "filter.action", .invalidText),
            ([0x0A, 5, 0x61], "", .malformed),
        ] as [([UInt8], String, MessageError.Code)])
    func refusals(bytes: [UInt8], field: String, code: MessageError.Code) {
        let error = #expect(throws: MessageError.self) { try QueryRequestMessage(serialized: bytes) }
        #expect(error?.code == code)
        #expect(error?.field == field)
    }

    @Test("fields of a later version are passed over")
    func unknownFields() throws {
        let bytes = Self.full.serialized() + [0xFA, 0x07, 2, 1, 2, 0xF8, 0x07, 1]
        #expect(try QueryRequestMessage(serialized: bytes) == Self.full)
    }

    @Test("damaged bytes never trap")
    func damaged() {
        var generator = SeededGenerator.ofRun("damaged query requests")
        let good = Self.full.serialized()
        for _ in 0..<5_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            guard let read = try? QueryRequestMessage(serialized: bytes) else { continue }
            #expect((1...1_000).contains(read.pageSize))
            #expect(read.filter.occurredFrom.map { $0 >= .earliest && $0 <= .latest } ?? true)
        }
    }
}

@Suite("QueryResponse")
struct QueryResponseMessageTests {
    /// An encoded event: its type alone.
    private static let event: [UInt8] = [0x1A, 1, 0x74]

    private static let full = QueryResponseMessage(
        events: [
            StoredEventMessage(
                event: event, tenant: "acme", receivedAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_123_000),
                batchID: .max, position: 9_999),
            StoredEventMessage(
                event: event, tenant: "", receivedAt: Timestamp(microsecondsSinceEpoch: -1), batchID: .min,
                position: 0),
            StoredEventMessage(
                event: [], tenant: "é", receivedAt: Timestamp(microsecondsSinceEpoch: 0), batchID: 0, position: 1),
        ],
        nextPageToken: [0, 255])

    @Test("a page comes back as it went")
    func roundTrip() throws {
        for page in [Self.full, QueryResponseMessage(events: [], nextPageToken: [])] {
            #expect(try QueryResponseMessage(serialized: page.serialized()) == page)
        }
    }

    @Test("protobuf-c reads what is written here")
    func readByProtobufC() throws {
        let bytes = Self.full.serialized()
        let page = try #require(docket__v1__query_response__unpack(nil, bytes.count, bytes))
        defer { docket__v1__query_response__free_unpacked(page, nil) }
        #expect(page.pointee.n_events == 3)
        #expect(page.pointee.next_page_token.len == 2)
        for (index, expected) in Self.full.events.enumerated() {
            let stored = try #require(page.pointee.events[index]).pointee
            #expect(stored.received_at_us == expected.receivedAt.microsecondsSinceEpoch)
            #expect(stored.batch_id == expected.batchID)
            #expect(Int(stored.position) == expected.position)
            #expect(stored.tenant.len == expected.tenant.utf8.count)
            #expect(try #require(stored.event).pointee.type.len == (expected.event.isEmpty ? 0 : 1))
        }
    }

    @Test("what protobuf-c writes is read here")
    func writtenByProtobufC() throws {
        let bytes = Self.full.serialized()
        let page = try #require(docket__v1__query_response__unpack(nil, bytes.count, bytes))
        defer { docket__v1__query_response__free_unpacked(page, nil) }
        var packed = [UInt8](repeating: 0, count: docket__v1__query_response__get_packed_size(page))
        docket__v1__query_response__pack(page, &packed)
        #expect(try QueryResponseMessage(serialized: packed) == Self.full)
    }

    @Test("an event in two parts is their concatenation; unknown fields of every wire type are passed over")
    func mergedAndUnknown() throws {
        let stored: [UInt8] =
            [0x0A, 1, 1, 0x0A, 2, 2, 3, 0x79] + [UInt8](repeating: 9, count: 8) + [
                0x7D, 1, 2, 3, 4, 0x78, 5, 0x7A, 1, 0,
            ]
        let bytes = [0x0A, UInt8(stored.count)] + stored + [0x7A, 0]
        #expect(try QueryResponseMessage(serialized: bytes).events.map(\.event) == [[1, 2, 3]])
    }

    @Test(
        "malformed bytes are refused",
        arguments: [
            [0x0A], [0x0A, 5, 1], [0x00, 0], [0x0B], [0x0C], [0x0E], [0x08] + [UInt8](repeating: 0xFF, count: 10),
            [0x0A, 2, 0x0A, 1], [0x0A, 3, 0x12, 1, 0xFF], [0x79, 1, 2], [0x7D, 1],
            [0x12] + [UInt8](repeating: 0xFF, count: 9) + [1],
        ] as [[UInt8]])
    func malformed(bytes: [UInt8]) {
        #expect(throws: MessageError.self) { try QueryResponseMessage(serialized: bytes) }
    }

    @Test("a page of more events than any honest one is refused")
    func tooMany() {
        let bytes = [[UInt8]](repeating: [0x0A, 0], count: QueryResponseMessage.maxEvents + 1).flatMap { $0 }
        let error = #expect(throws: MessageError.self) { try QueryResponseMessage(serialized: bytes) }
        #expect(error?.code == .outOfRange)
        #expect(throws: Never.self) { try QueryResponseMessage(serialized: Array(bytes.dropLast(2))) }
    }

    @Test("damaged bytes never trap")
    func damaged() {
        var generator = SeededGenerator.ofRun("damaged query responses")
        let good = Self.full.serialized()
        for _ in 0..<5_000 {
            var bytes = good
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            bytes.removeLast(Int.random(in: 0...10, using: &generator))
            guard let read = try? QueryResponseMessage(serialized: bytes) else { continue }
            #expect((try? QueryResponseMessage(serialized: read.serialized())) == read)
        }
    }
}
