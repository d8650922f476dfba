import CDocketProtos
import CProtobufC
package import DocketModel

/// A `docket.v1.ExportRequest`: which part of a log is wanted.
package struct ExportRequestMessage: Sendable, Equatable {
    /// The tenant whose log is read; empty when the credential covers exactly one.
    package var tenant: String
    /// All conditions that must hold.
    package var filter: EventFilter
    /// The first event that may come.
    package var from: LogPosition
    /// The log index that the export ends before; `nil` for all that has been committed.
    package var endLogIndex: Int64?

    /// A request for the whole log, where nothing else is given.
    package init(
        tenant: String = "", filter: EventFilter = EventFilter(), from: LogPosition = .start, endLogIndex: Int64? = nil
    ) {
        self.tenant = tenant
        self.filter = filter
        self.from = from
        self.endLogIndex = endLogIndex
    }

    /// Reads an encoded request and checks all that the `.proto` file says about its fields.
    ///
    /// - Throws: ``MessageError`` that names the field.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self = try unsafe MessageArena.unpack(
            bytes, "ExportRequest", with: docket__v1__export_request__unpack
        ) { (request) throws(MessageError) in
            unsafe ExportRequestMessage(
                tenant: try request.pointee.tenant.text("tenant"),
                filter: try request.pointee.filter.map { (filter) throws(MessageError) in
                    try unsafe EventFilter(filter.pointee)
                }
                    ?? EventFilter(),
                from: try request.pointee.from.map { (from) throws(MessageError) in
                    try unsafe Self.position(from.pointee)
                }
                    ?? .start,
                endLogIndex: request.pointee.has_end_log_index == 0
                    ? nil : try Self.index(request.pointee.end_log_index, "end_log_index"))
        }
    }

    /// The encoded request.
    package func serialized() -> [UInt8] {
        unsafe MessageArena.pack(
            size: docket__v1__export_request__get_packed_size, pack: docket__v1__export_request__pack
        ) { arena in
            let request = unsafe arena.make(docket__v1__export_request__init)
            unsafe request.pointee.has_tenant = self.tenant.isEmpty ? 0 : 1
            unsafe request.pointee.tenant = arena.bytes(self.tenant.utf8)
            unsafe request.pointee.filter = self.filter == EventFilter() ? nil : self.filter.message(in: arena)
            let from = unsafe arena.make(docket__v1__log_position__init)
            unsafe from.pointee.has_log_index = 1
            unsafe from.pointee.log_index = self.from.logIndex
            unsafe from.pointee.has_position = 1
            unsafe from.pointee.position = UInt32(clamping: self.from.position)
            unsafe request.pointee.from = unsafe from
            unsafe request.pointee.has_end_log_index = self.endLogIndex == nil ? 0 : 1
            unsafe request.pointee.end_log_index = self.endLogIndex ?? 0
            return unsafe request
        }
    }

    private static func position(_ message: Docket__V1__LogPosition) throws(MessageError) -> LogPosition {
        guard let position = Int32(exactly: unsafe message.position) else {
            throw MessageError(
                code: .outOfRange, field: "from.position",
                message: "\(unsafe message.position) is no position in a batch; send 0 to \(Int32.max)")
        }
        return LogPosition(logIndex: try self.index(unsafe message.log_index, "from.log_index"), position: position)
    }

    private static func index(_ value: Int64, _ field: String) throws(MessageError) -> Int64 {
        guard value >= 0 else {
            throw MessageError(
                code: .outOfRange, field: field, message: "\(value) is no place in a log; send 0 or more")
        }
        return value
    }
}
