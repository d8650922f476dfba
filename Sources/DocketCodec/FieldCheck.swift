import CDocketProtos
import CProtobufC
import DocketModel

// What single fields must keep. Names are static text: nothing is allocated for a field that is in order.
extension EventCheck {
    /// Text that an index covers.
    @inline(__always)
    func indexed(_ field: StaticString, _ value: ProtobufCBinaryData) -> EventRefusal? {
        unsafe self.text(field, value, maxBytes: self.limits.maxIndexedFieldBytes)
    }

    /// Text: UTF-8 without U+0000, at most that long.
    @inline(__always)
    func text(_ field: StaticString, _ value: ProtobufCBinaryData, maxBytes: Int) -> EventRefusal? {
        guard unsafe value.len <= maxBytes else { return unsafe Self.tooLong(field, value.len, maxBytes: maxBytes) }
        guard let fault = unsafe textFault(value.buffer) else { return nil }
        switch fault {
        case .nulCharacter:
            return EventRefusal(
                field: "\(field)", code: .nulCharacter,
                reason: "\(field) holds U+0000, which PostgreSQL can't store: remove it")
        case .invalidUTF8:
            return EventRefusal(
                field: "\(field)", code: .invalidUTF8, reason: "\(field) is not valid UTF-8: send text as UTF-8")
        }
    }

    /// JSON text of that kind; of any kind without one.
    func json(_ field: StaticString, _ value: ProtobufCBinaryData, kind: JSONKind?) -> EventRefusal? {
        if let refusal = unsafe self.text(field, value, maxBytes: self.limits.maxAttributesBytes) { return refusal }
        do {
            let found = try unsafe JSONScanner.scan(value.buffer.span, maxDepth: self.limits.maxAttributesDepth)
            guard kind == nil || found == kind else {
                return EventRefusal(
                    field: "\(field)", code: .invalidJSON,
                    reason: "\(field) is a JSON \(found); it must be \(kind == .array ? "an array" : "an object")")
            }
            return nil
        } catch {
            if error.code == .tooDeep {
                return EventRefusal(
                    field: "\(field)", code: .tooDeep,
                    reason:
                        "\(field) nests deeper than \(self.limits.maxAttributesDepth) levels, at byte \(error.offset): "
                        + "flatten it")
            }
            return EventRefusal(
                field: "\(field)", code: .invalidJSON,
                reason: "\(field) is no JSON that the log can keep, at byte \(error.offset): \(error.message); "
                    + "send RFC 8259 text")
        }
    }

    /// Bytes of a fixed number, a multiple of eight, not all zero unless they may be.
    @inline(__always)
    static func fixedBytes(
        _ field: StaticString, _ value: ProtobufCBinaryData, count: Int, mayBeZero: Bool
    ) -> EventRefusal? {
        guard unsafe value.len == count else {
            return EventRefusal(
                field: "\(field)", code: .wrongLength,
                reason: unsafe "\(field) is \(value.len) bytes; it must be exactly \(count)")
        }
        if mayBeZero { return nil }
        // Trace and span ids have 16 and 8 bytes: whole words.
        var bits: UInt64 = 0
        for offset in stride(from: 0, to: count, by: 8) { bits |= unsafe bigEndianWord(value.buffer, at: offset) }
        guard bits != 0 else {
            return EventRefusal(
                field: "\(field)", code: .outOfRange,
                reason: "\(field) is all zero, which W3C Trace Context forbids: leave it out")
        }
        return nil
    }

    static func notNegative(_ field: StaticString, _ isPresent: Int32, _ value: Int64) -> EventRefusal? {
        guard isPresent != 0, value < 0 else { return nil }
        return EventRefusal(
            field: "\(field)", code: .outOfRange, reason: "\(field) is \(value); it must not be negative")
    }

    static func missing(_ field: StaticString) -> EventRefusal {
        EventRefusal(field: "\(field)", code: .missingField, reason: "\(field) is missing; every event needs it")
    }

    static func unknownNumber(_ field: StaticString, _ value: UInt32) -> EventRefusal {
        EventRefusal(
            field: "\(field)", code: .outOfRange,
            reason: "\(field) is \(Int32(bitPattern: value)); it must be from 0 to 3, see event.proto")
    }

    static func tooLong(_ field: StaticString, _ bytes: Int, maxBytes: Int) -> EventRefusal {
        EventRefusal(
            field: "\(field)", code: .tooLong,
            reason: "\(field) is \(bytes) bytes; the limit is \(maxBytes): shorten it")
    }
}

extension ProtobufCBinaryData {
    /// The bytes. An empty field has no address, or any.
    var buffer: UnsafeBufferPointer<UInt8> { unsafe UnsafeBufferPointer(start: self.data, count: self.len) }
}
