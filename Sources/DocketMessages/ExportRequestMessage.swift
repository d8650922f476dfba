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
                    try unsafe LogPosition(from.pointee, "from")
                }
                    ?? .start,
                endLogIndex: request.pointee.has_end_log_index == 0
                    ? nil : try LogPosition.checkedIndex(request.pointee.end_log_index, "end_log_index"))
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
            unsafe request.pointee.from = self.from.message(in: arena)
            unsafe request.pointee.has_end_log_index = self.endLogIndex == nil ? 0 : 1
            unsafe request.pointee.end_log_index = self.endLogIndex ?? 0
            return unsafe request
        }
    }
}
