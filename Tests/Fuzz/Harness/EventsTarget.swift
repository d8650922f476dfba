import CDocketProtos
import CProtobufC
import DocketCodec
import DocketModel

/// Publish requests, and events in requests that are in order.
enum EventsTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let flags = input.byte()
        let oracle = EventOracle(limits: flags & 1 == 0 ? Limits() : self.smallLimits)
        let rejectsEvery = Int(flags >> 1 & 3)
        let message: [UInt8]
        switch flags >> 3 & 3 {
        case 0:
            message = input.remaining()
        case 1:
            // The input is one event.
            let event = input.remaining()
            try self.compareWithProtobufC(event)
            message = self.request([event])
        default:
            // Events of at most 255 bytes, each behind its length.
            var events: [[UInt8]] = []
            while !input.isAtEnd, events.count < 64 { events.append(input.bytes(Int(input.byte()))) }
            message = self.request(events)
        }
        do throws(EventOracle.Fault) {
            _ = try oracle.check(message, rejectsEvery: rejectsEvery)
        } catch {
            if case .finding(let finding) = error { throw finding }
        }
    }

    /// A request of those encoded events.
    static func request(_ events: [[UInt8]]) -> [UInt8] {
        var message = EventEncoder.publishRequestPrefix(
            tenant: "acme", producerID: ProducerID(high: 1, low: 2), sequence: 3)
        for event in events { EventEncoder.append(encoded: event, to: &message) }
        return message
    }

    /// Limits that a small input can reach.
    private static var smallLimits: Limits {
        var limits = Limits()
        for bound in Limits.bounds { limits[keyPath: bound.path] = bound.range.lowerBound }
        limits.maxBatchEvents = 4
        return limits
    }

    /// Whether bytes are an event at all is what protobuf-c says as well.
    private static func compareWithProtobufC(_ bytes: [UInt8]) throws(FuzzFinding) {
        let isTaken: Bool
        do throws(CodecError) {
            _ = try decodeEvent(bytes)
            isTaken = true
        } catch {
            // protobuf-c takes any number of fields.
            guard error.code != .tooManyFields else { return }
            isTaken = error.code != .malformed
        }
        let unpacked = unsafe docket__v1__event__unpack(nil, bytes.count, bytes)
        unsafe docket__v1__event__free_unpacked(unpacked, nil)
        // Of a field number 0 in more bytes than it needs, or beside bits beyond the 32nd, protobuf-c makes a field.
        guard isTaken || !self.mayHoldLongZeroTag(bytes) else { return }
        try requireEqual(isTaken, unsafe unpacked != nil, "whether the bytes are an event")
    }

    private static func mayHoldLongZeroTag(_ bytes: [UInt8]) -> Bool {
        bytes.indices.contains { start in
            guard (0x80...0x87).contains(bytes[start]) else { return false }
            let rest = bytes[(start + 1)...].prefix(4)
            guard let last = rest.first(where: { $0 != 0x80 }) else { return false }
            return last == 0 || last & 0x8F == 0 && rest.prefix(3).allSatisfy { $0 == 0x80 }
        }
    }
}
