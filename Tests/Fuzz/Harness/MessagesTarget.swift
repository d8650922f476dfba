import DocketCodec
import DocketMessages
import DocketModel

/// Protobuf off the hot path. What can be read is written again and reads back the same.
enum MessagesTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let selector = input.byte()
        let bytes = input.remaining()
        guard selector & 8 == 0 else { return try self.streams(bytes) }
        switch selector & 7 {
        case 0:
            try self.roundTrip(bytes, { (bytes) throws(MessageError) in try QueryRequestMessage(serialized: bytes) }) {
                $0.serialized()
            }
            try self.roundTrip(bytes, { (bytes) throws(MessageError) in try StatsRequestMessage(serialized: bytes) }) {
                $0.serialized()
            }
        case 1:
            try self.roundTrip(bytes, { (bytes) throws(MessageError) in try QueryResponseMessage(serialized: bytes) }) {
                $0.serialized()
            }
            try self.roundTrip(bytes, { (bytes) throws(MessageError) in try StatsResponseMessage(serialized: bytes) }) {
                $0.serialized()
            }
        case 2:
            try self.roundTrip(bytes, { (bytes) throws(MessageError) in try StatusMessage(serialized: bytes) }) {
                $0.serialized()
            }
        case 3:
            try self.publishResponse(bytes)
        case 4:
            try self.roundTrip(bytes, { (bytes) throws(CodecError) in try decodeVerdict(bytes) }) { encodeVerdict($0) }
        case 5:
            try self.reflection(bytes)
            _ = try? HealthCheckRequestMessage(serialized: bytes)
        case 6:
            try self.pageToken(bytes)
        default:
            try self.descriptors(bytes)
        }
    }

    /// What an export or a tail asks for and is sent.
    private static func streams(_ bytes: [UInt8]) throws(FuzzFinding) {
        try self.roundTrip(bytes, { (bytes) throws(MessageError) in try ExportRequestMessage(serialized: bytes) }) {
            $0.serialized()
        }
        try self.roundTrip(bytes, { (bytes) throws(MessageError) in try ExportResponseMessage(serialized: bytes) }) {
            $0.serialized()
        }
        try self.roundTrip(bytes, { (bytes) throws(MessageError) in try TailRequestMessage(serialized: bytes) }) {
            $0.serialized()
        }
        try self.roundTrip(bytes, { (bytes) throws(MessageError) in try TailResponseMessage(serialized: bytes) }) {
            $0.serialized()
        }
    }

    private static func roundTrip<Message: Equatable, Failure: Error>(
        _ bytes: [UInt8], _ decode: ([UInt8]) throws(Failure) -> Message, _ encode: (Message) -> [UInt8]
    ) throws(FuzzFinding) {
        let message: Message
        do throws(Failure) {
            message = try decode(bytes)
        } catch {
            return
        }
        let encoded = encode(message)
        let again = try requireNoError("reading \(message) again") { () throws(Failure) in try decode(encoded) }
        try requireEqual(again, message, "the message that was written again")
        try requireEqual(encode(again), encoded, "its bytes")
    }

    private static func publishResponse(_ bytes: [UInt8]) throws(FuzzFinding) {
        try self.roundTrip(bytes, { (bytes) throws(CodecError) in try decodePublishResponse(bytes) }) { response in
            switch response.result {
            case .verdict(let verdict): encodePublishResponse(sequence: response.sequence, verdict: verdict)
            case .status(let status): encodePublishResponse(sequence: response.sequence, status: status)
            }
        }
    }

    private static func reflection(_ bytes: [UInt8]) throws(FuzzFinding) {
        guard let request = try? ReflectionRequestMessage(serialized: bytes) else { return }
        for answer in [.files([bytes]), .services(["a.b"]), .failure(code: 5, message: "no")] as [ReflectionAnswer] {
            try require(request.response(answer).count >= bytes.count, "a reflection response lacks its request")
        }
    }

    private static func pageToken(_ bytes: [UInt8]) throws(FuzzFinding) {
        for order in [EventOrder.newestFirst, .oldestFirst] {
            guard let cursor = PageToken.decode(bytes, order: order) else { continue }
            try requireEqual(PageToken.encode(cursor, order: order), bytes, "a page token")
            let time = cursor.occurredAt
            try require(time >= .earliest && time <= .latest, "PostgreSQL has no such time: \(time)")
        }
    }

    private static func descriptors(_ bytes: [UInt8]) throws(FuzzFinding) {
        guard let pool = try? DescriptorPool(serialized: bytes) else { return }
        for file in ["", "a", "a.proto"] {
            guard let files = pool.files(named: file) else { continue }
            try require(!files.isEmpty, "a file is there and isn't found")
        }
    }
}
