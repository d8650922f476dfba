import CDocketProtos
import DocketModel

/// A `docket.v1.LogPosition`, in requests by protobuf-c and in replies by hand as the events beside it.
extension LogPosition {
    /// Reads and checks that of a request, in the field `field`.
    init(_ message: Docket__V1__LogPosition, _ field: String) throws(MessageError) {
        guard let position = Int32(exactly: unsafe message.position) else {
            throw MessageError(
                code: .outOfRange, field: "\(field).position",
                message: "\(unsafe message.position) is no position in a batch; send 0 to \(Int32.max)")
        }
        self.init(
            logIndex: try Self.checkedIndex(unsafe message.log_index, "\(field).log_index"), position: position)
    }

    /// A log index as a request has it in the field `field`.
    static func checkedIndex(_ value: Int64, _ field: String) throws(MessageError) -> Int64 {
        guard value >= 0 else {
            throw MessageError(
                code: .outOfRange, field: field, message: "\(value) is no place in a log; send 0 or more")
        }
        return value
    }

    /// The message, in memory of the arena.
    func message(in arena: MessageArena) -> UnsafeMutablePointer<Docket__V1__LogPosition> {
        let message = unsafe arena.make(docket__v1__log_position__init)
        unsafe message.pointee.has_log_index = 1
        unsafe message.pointee.log_index = self.logIndex
        unsafe message.pointee.has_position = 1
        unsafe message.pointee.position = UInt32(clamping: self.position)
        return unsafe message
    }

    /// Reads that of a reply.
    init(serialized bytes: ArraySlice<UInt8>) throws(MessageError) {
        self = .start
        var reader = WireReader(bytes, of: "LogPosition")
        while let field = try reader.next() {
            switch field {
            case .varint(1, let value): self.logIndex = Int64(bitPattern: value)
            case .varint(2, let value): self.position = Int32(clamping: UInt32(truncatingIfNeeded: value))
            default: break
            }
        }
    }

    /// The encoded message.
    func serialized() -> [UInt8] {
        var writer = WireWriter()
        writer.append(field: 1, varint: UInt64(bitPattern: self.logIndex))
        writer.append(field: 2, varint: UInt64(UInt32(clamping: self.position)))
        return writer.bytes
    }
}
