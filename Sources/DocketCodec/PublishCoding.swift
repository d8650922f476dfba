package import DocketModel

/// The answer to one batch, as `docket.v1.PublishResponse` carries it.
package struct PublishResponseMessage: Sendable, Equatable {
    /// The sequence of the request that this answers.
    package let sequence: Int64
    package let result: Outcome

    package enum Outcome: Sendable, Equatable {
        /// The batch is stored.
        case verdict(Verdict)
        /// The batch is refused as a whole: an encoded `google.rpc.Status`, which DocketMessages reads.
        case status([UInt8])
    }

    package init(sequence: Int64, result: Outcome) {
        self.sequence = sequence
        self.result = result
    }
}

/// A `PublishResponse` with a verdict.
package func encodePublishResponse(sequence: Int64, verdict: Verdict) -> [UInt8] {
    var bytes: [UInt8] = []
    let response = PublishResponsePart(sequence: sequence, verdict: verdict)
    bytes.append(wireBytes: response.wireBytes) { response.describe(to: &$0) }
    return bytes
}

/// A `PublishResponse` with an encoded `google.rpc.Status`.
package func encodePublishResponse(sequence: Int64, status: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(status.count + 24)
    if sequence != 0 { bytes.appendField(1, varint: UInt64(bitPattern: sequence)) }
    bytes.appendField(3, bytes: status)
    return bytes
}

private struct PublishResponsePart: WirePart {
    let sequence: Int64
    let verdict: Verdict

    @inline(__always)
    func describe(to sink: inout some WireSink) {
        if self.sequence != 0 { sink.number(1, self.sequence) }
        sink.nested(2, self.verdict)
    }
}

/// Reads a `PublishResponse`.
///
/// - Parameter maxRejections: how many rejections a verdict may have: each takes much more room than its bytes.
/// - Throws: ``CodecError``: `malformed` when the bytes are no such message, carry neither verdict nor status, or too many rejections,
///   `sequenceRange` when the sequence is larger than 2^63-1.
package func decodePublishResponse(
    _ bytes: [UInt8], maxRejections: Int = .max
) throws(CodecError) -> PublishResponseMessage {
    var reader = WireReader(bytes)
    var sequence: UInt64 = 0
    var result: PublishResponseMessage.Outcome?
    while let (number, value) = try reader.next() {
        switch (number, value) {
        case (1, .varint(let number)): sequence = number
        case (2, .bytes(let range)):
            result = .verdict(try decodeVerdict(bytes, range: range, maxRejections: maxRejections))
        case (3, .bytes(let range)): result = .status(Array(bytes[range]))
        default: break
        }
    }
    guard let result else {
        throw CodecError(
            code: .malformed, message: "a publish response without verdict or status; is the collector newer?")
    }
    guard let sequence = Int64(exactly: sequence) else {
        throw CodecError(code: .sequenceRange, message: "sequence is \(sequence); it must be from 0 to \(Int64.max)")
    }
    return PublishResponseMessage(sequence: sequence, result: result)
}

// MARK: - Verdicts

/// A `docket.v1.Verdict`: also the form in which `docket.batches.verdict` keeps it.
package func encodeVerdict(_ verdict: Verdict) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(wireBytes: verdict.wireBytes) { verdict.describe(to: &$0) }
    return bytes
}

extension Verdict: WirePart {
    @inline(__always)
    func describe(to sink: inout some WireSink) {
        if self.acceptedCount > 0 { sink.varint(1, UInt64(self.acceptedCount)) }
        for rejection in self.rejections { sink.nested(2, rejection) }
        sink.nested(3, self.receipt)
        if self.replayed { sink.varint(4, 1) }
    }
}

extension Rejection: WirePart {
    @inline(__always)
    func describe(to sink: inout some WireSink) {
        if self.index > 0 { sink.varint(1, UInt64(self.index)) }
        if !self.field.isEmpty { sink.text(2, self.field) }
        if self.code != .unspecified { sink.varint(3, UInt64(self.code.rawValue)) }
        if !self.reason.isEmpty { sink.text(4, self.reason) }
    }
}

extension Receipt: WirePart {
    @inline(__always)
    func describe(to sink: inout some WireSink) {
        if self.batchID != 0 { sink.number(1, self.batchID) }
        if !self.root.isEmpty { sink.data(2, self.root) }
        sink.varint(3, UInt64(self.durability.rawValue))
        let receivedAt = self.receivedAt.microsecondsSinceEpoch
        if receivedAt != 0 { sink.number(4, receivedAt) }
        if !self.contentHash.isEmpty { sink.data(5, self.contentHash) }
    }
}

/// Reads a `docket.v1.Verdict`. A rejection code that this version doesn't know reads as `unspecified`.
///
/// - Throws: ``CodecError`` of the code `malformed`.
package func decodeVerdict(_ bytes: [UInt8]) throws(CodecError) -> Verdict {
    try decodeVerdict(bytes, range: 0..<bytes.count)
}

private func decodeVerdict(
    _ bytes: [UInt8], range: Range<Int>, maxRejections: Int = .max
) throws(CodecError) -> Verdict {
    var reader = WireReader(bytes, range: range)
    var acceptedCount: UInt64 = 0
    var rejections: [Rejection] = []
    var receipt: Receipt?
    var replayed = false
    while let (number, value) = try reader.next() {
        switch (number, value) {
        case (1, .varint(let count)): acceptedCount = count
        case (2, .bytes(let range)):
            guard rejections.count < maxRejections else {
                throw CodecError(code: .malformed, message: "a verdict with more than \(maxRejections) rejections")
            }
            rejections.append(try decodeRejection(bytes, range: range))
        case (3, .bytes(let range)): receipt = try decodeReceipt(bytes, range: range)
        case (4, .varint(let flag)): replayed = flag != 0
        default: break
        }
    }
    guard let receipt else { throw CodecError(code: .malformed, message: "a verdict without receipt") }
    return Verdict(
        acceptedCount: Int(UInt32(truncatingIfNeeded: acceptedCount)), rejections: rejections, receipt: receipt,
        replayed: replayed)
}

private func decodeRejection(_ bytes: [UInt8], range: Range<Int>) throws(CodecError) -> Rejection {
    var reader = WireReader(bytes, range: range)
    var rejection = Rejection(index: 0, field: "", code: .unspecified, reason: "")
    while let (number, value) = try reader.next() {
        switch (number, value) {
        case (1, .varint(let index)): rejection.index = Int(UInt32(truncatingIfNeeded: index))
        case (2, .bytes(let range)): rejection.field = String(decoding: bytes[range], as: UTF8.self)
        case (3, .varint(let code)):
            rejection.code = RejectionCode(rawValue: Int32(truncatingIfNeeded: code)) ?? .unspecified
        case (4, .bytes(let range)): rejection.reason = String(decoding: bytes[range], as: UTF8.self)
        default: break
        }
    }
    return rejection
}

private func decodeReceipt(_ bytes: [UInt8], range: Range<Int>) throws(CodecError) -> Receipt {
    var reader = WireReader(bytes, range: range)
    var batchID: Int64 = 0
    var root: [UInt8] = []
    var durability: Durability?
    var receivedAt: Int64 = 0
    var contentHash: [UInt8] = []
    while let (number, value) = try reader.next() {
        switch (number, value) {
        case (1, .varint(let number)): batchID = Int64(bitPattern: number)
        case (2, .bytes(let range)): root = Array(bytes[range])
        case (3, .varint(let number)): durability = Durability(rawValue: Int32(truncatingIfNeeded: number))
        case (4, .varint(let number)): receivedAt = Int64(bitPattern: number)
        case (5, .bytes(let range)): contentHash = Array(bytes[range])
        default: break
        }
    }
    // A receipt promises something: one whose promise isn't understood must not pass for one that is.
    guard let durability else {
        throw CodecError(code: .malformed, message: "a receipt with an unknown durability; update this program")
    }
    return Receipt(
        batchID: batchID, root: root, durability: durability,
        receivedAt: Timestamp(microsecondsSinceEpoch: receivedAt), contentHash: contentHash)
}
