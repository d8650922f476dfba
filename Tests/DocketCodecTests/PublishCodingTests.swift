import CDocketProtos
import CProtobufC
import DocketCodec
import DocketModel
import DocketTestSupport
import Testing

@Suite("Responses and verdicts")
struct PublishCodingTests {
    private static let receipt = Receipt(
        batchID: .max, root: [UInt8](0..<32), durability: .spooled,
        receivedAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_123_000), contentHash: [UInt8](32..<64))

    private static let verdicts = [
        Verdict(acceptedCount: 10_000, rejections: [], receipt: receipt),
        Verdict(
            acceptedCount: 0,
            rejections: RejectionCode.allCases.enumerated().map { index, code in
                Rejection(index: index * 300, field: "delegation[2].kind", code: code, reason: "ünïcode \(index)")
            },
            receipt: Receipt(
                batchID: 0, root: [], durability: .committed, receivedAt: Timestamp(microsecondsSinceEpoch: -1),
                contentHash: []),
            replayed: true),
    ]

    @Test("verdicts come back as they were", arguments: verdicts)
    func verdictRoundTrip(_ verdict: Verdict) throws {
        #expect(try decodeVerdict(encodeVerdict(verdict)) == verdict)
    }

    @Test("responses come back as they were", arguments: [0, 1, Int64.max])
    func responseRoundTrip(_ sequence: Int64) throws {
        for verdict in Self.verdicts {
            let message = try decodePublishResponse(encodePublishResponse(sequence: sequence, verdict: verdict))
            #expect(message == PublishResponseMessage(sequence: sequence, result: .verdict(verdict)))
        }
        for status in [[], [0x08, 0x08], [UInt8](repeating: 7, count: 1000)] as [[UInt8]] {
            let message = try decodePublishResponse(encodePublishResponse(sequence: sequence, status: status))
            #expect(message == PublishResponseMessage(sequence: sequence, result: .status(status)))
        }
    }

    @Test("protobuf-c reads a response as it was meant")
    func judge() throws {
        let verdict = Self.verdicts[1]
        let bytes = encodePublishResponse(sequence: 77, verdict: verdict)
        let response = try #require(docket__v1__publish_response__unpack(nil, bytes.count, bytes))
        defer { docket__v1__publish_response__free_unpacked(response, nil) }
        #expect(response.pointee.sequence == 77)
        #expect(response.pointee.result_case == DOCKET__V1__PUBLISH_RESPONSE__RESULT_VERDICT)
        let read = try #require(response.pointee.verdict).pointee
        #expect(read.n_rejections == verdict.rejections.count)
        #expect(read.replayed != 0)
        for (index, rejection) in verdict.rejections.enumerated() {
            let part = try #require(read.rejections[index]).pointee
            #expect(part.index == UInt32(rejection.index))
            #expect(part.code.rawValue == UInt32(rejection.code.rawValue))
            #expect(
                String(decoding: UnsafeBufferPointer(start: part.field.data, count: part.field.len), as: UTF8.self)
                    == rejection.field)
            #expect(
                String(decoding: UnsafeBufferPointer(start: part.reason.data, count: part.reason.len), as: UTF8.self)
                    == rejection.reason)
        }
        let receipt = try #require(read.receipt).pointee
        #expect(receipt.received_at_us == -1)
        #expect(receipt.durability == DOCKET__V1__DURABILITY__DURABILITY_COMMITTED)
        // Packed again by protobuf-c it is the same message.
        var packed = [UInt8](repeating: 0, count: docket__v1__publish_response__get_packed_size(response))
        docket__v1__publish_response__pack(response, &packed)
        #expect(try decodePublishResponse(packed) == decodePublishResponse(bytes))
    }

    @Test("protobuf-c reads an emitter's event as it was meant, and packs it into the same bytes")
    func emitterJudge() throws {
        var random = RandomEvents(seed: testSeed())
        for _ in 0..<300 {
            let event = random.event(type: "test.event")
            let bytes = encodeEvent(event)
            let read = try #require(docket__v1__event__unpack(nil, bytes.count, bytes))
            defer { docket__v1__event__free_unpacked(read, nil) }
            #expect(read.pointee.base.n_unknown_fields == 0)
            var packed = [UInt8](repeating: 0, count: docket__v1__event__get_packed_size(read))
            docket__v1__event__pack(read, &packed)
            #expect(packed == bytes)
        }
    }

    @Test("a publish request is a prefix and events, to protobuf-c as well")
    func request() throws {
        let event = Event(
            eventID: EventID(high: 1, low: 2), type: "t", occurredAt: Timestamp(microsecondsSinceEpoch: 0))
        var bytes = EventEncoder.publishRequestPrefix(
            tenant: "acme", producerID: ProducerID(high: 3, low: 4), sequence: 5)
        for _ in 0..<3 { EventEncoder.append(event, to: &bytes) }
        let request = try #require(docket__v1__publish_request__unpack(nil, bytes.count, bytes))
        defer { docket__v1__publish_request__free_unpacked(request, nil) }
        #expect(request.pointee.n_events == 3)
        #expect(request.pointee.sequence == 5)
        #expect(request.pointee.tenant.len == 4)
        #expect(request.pointee.producer_id.len == 16)
        #expect(request.pointee.events[2]?.pointee.has_occurred_at_us == 1)
        #expect(try BatchDecoder(limits: Limits()).decode(bytes).eventCount == 3)
    }

    @Test("a response that promises nothing, or something unknown, is an error")
    func unknown() {
        #expect(throws: CodecError.self) { try decodePublishResponse([]) }
        #expect(throws: CodecError.self) { try decodePublishResponse(RawMessage().field(1, varint: 1).bytes) }
        #expect(throws: CodecError.self) { try decodeVerdict(RawMessage().field(1, varint: 1).bytes) }
        #expect(throws: CodecError.self) { try decodeVerdict(RawMessage().field(3, RawMessage()).bytes) }
        #expect(throws: CodecError.self) {
            try decodeVerdict(RawMessage().field(3, RawMessage().field(3, varint: 9)).bytes)
        }
        let receipt = RawMessage().field(3, varint: 1)
        #expect(throws: CodecError.self) {
            try decodePublishResponse(
                RawMessage().field(1, varint: .max).field(2, RawMessage().field(3, receipt)).bytes)
        }
        #expect(throws: Never.self) { try decodeVerdict(RawMessage().field(3, receipt).field(77, "new").bytes) }
        let rejection = RawMessage().field(3, varint: 99)
        let verdict = try? decodeVerdict(RawMessage().field(2, rejection).field(3, receipt).bytes)
        #expect(verdict?.rejections.first?.code == .unspecified)
    }
}
