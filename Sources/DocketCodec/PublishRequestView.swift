package import DocketModel

/// A publish request whose frame has been read: what is needed to decide about it as a whole. Its events are still as
/// they came; ``BatchDecoder/encode(_:key:batchID:receivedAt:admit:)`` decodes them one at a time.
package struct PublishRequestView: Sendable, Equatable {
    /// The tenant that the request names; empty when it leaves that to the credential.
    package let tenant: String
    package let producerID: ProducerID
    /// From 0 to 2^63-1.
    package let sequence: Int64
    /// How many events the request carries; at least 1.
    package var eventCount: Int { self.events.count }

    /// The message as it came.
    package let message: [UInt8]
    /// Where each event lies in the message.
    let events: [Range<Int>]

    /// How many fields a request may have beside its events: three, and those of later versions. More would only cost time.
    package static let maxOtherFields = 1_000

    /// The encoded event at that index, which must be less than ``eventCount``, exactly as it came.
    package func eventBytes(at index: Int) -> ArraySlice<UInt8> { self.message[self.events[index]] }

    /// Reads the frame of a request and checks what concerns it as a whole. A scalar that comes twice counts the last
    /// time, and unknown fields are skipped, as protobuf demands, up to ``maxOtherFields``.
    init(_ message: [UInt8], limits: Limits) throws(CodecError) {
        guard message.count <= limits.maxBatchBytes else {
            throw CodecError(
                code: .messageTooLarge,
                message:
                    "the request is \(message.count) bytes; the limit is \(limits.maxBatchBytes): send smaller batches")
        }
        var reader = WireReader(message)
        var tenant = 0..<0
        var producerID = 0..<0
        var sequence: UInt64 = 0
        var events: [Range<Int>] = []
        var otherFields = 0
        while let (number, value) = try reader.next() {
            switch (number, value) {
            case (1, .bytes(let range)): tenant = range
            case (2, .bytes(let range)): producerID = range
            case (3, .varint(let number)): sequence = number
            case (4, .bytes(let range)):
                guard events.count < limits.maxBatchEvents else {
                    throw CodecError(
                        code: .tooManyEvents,
                        message: "the request has more than \(limits.maxBatchEvents) events: send smaller batches")
                }
                // Most events of a batch are alike: the first one's size foretells how many there are.
                if events.isEmpty {
                    events.reserveCapacity(min(limits.maxBatchEvents, message.count / (range.count + 2) + 1))
                }
                events.append(range)
                continue
            default: break
            }
            otherFields += 1
            guard otherFields <= Self.maxOtherFields else {
                throw CodecError(
                    code: .tooManyFields,
                    message:
                        "the request has more than \(Self.maxOtherFields) fields beside its events: leave out those "
                        + "that collector.proto doesn't have")
            }
        }
        self.message = message
        self.events = events
        self.tenant = try Self.checkedTenant(message[tenant], limits: limits)
        self.producerID = try Self.checkedProducerID(message[producerID])
        guard let sequence = Int64(exactly: sequence) else {
            throw CodecError(
                code: .sequenceRange, message: "sequence is \(sequence); it must be from 0 to \(Int64.max)")
        }
        self.sequence = sequence
        guard !events.isEmpty else {
            throw CodecError(code: .noEvents, message: "the request has no events; send at least one")
        }
    }

    private static func checkedTenant(_ bytes: ArraySlice<UInt8>, limits: Limits) throws(CodecError) -> String {
        guard bytes.count <= limits.maxIndexedFieldBytes else {
            throw CodecError(
                code: .invalidTenant,
                message:
                    "tenant is \(bytes.count) bytes; the limit is \(limits.maxIndexedFieldBytes): "
                    + "name a tenant by its slug"
            )
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CodecError(code: .invalidTenant, message: "tenant is not valid UTF-8; name a tenant by its slug")
        }
        return text
    }

    private static func checkedProducerID(_ bytes: ArraySlice<UInt8>) throws(CodecError) -> ProducerID {
        guard bytes.count == 16 else {
            throw CodecError(
                code: .producerIDLength,
                message: "producer_id is \(bytes.count) bytes; it must be exactly 16, made once for each process")
        }
        return unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe ProducerID(high: bigEndianWord(bytes, at: 0), low: bigEndianWord(bytes, at: 8))
        }
    }
}
