import CDocketProtos
import CProtobufC
package import DocketModel

/// A `docket.v1.TailRequest`: which events are wanted as they are committed.
package struct TailRequestMessage: Sendable, Equatable {
    /// The tenant whose log is read; empty when the credential covers exactly one.
    package var tenant: String
    /// All conditions that must hold.
    package var filter: EventFilter
    /// The first place that may come; `nil` for what is committed from now on.
    package var from: LogPosition?

    /// A request for all events from now on, where nothing else is given.
    package init(tenant: String = "", filter: EventFilter = EventFilter(), from: LogPosition? = nil) {
        self.tenant = tenant
        self.filter = filter
        self.from = from
    }

    /// Reads an encoded request and checks all that the `.proto` file says about its fields.
    ///
    /// - Throws: ``MessageError`` that names the field.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self = try unsafe MessageArena.unpack(
            bytes, "TailRequest", with: docket__v1__tail_request__unpack
        ) { (request) throws(MessageError) in
            unsafe TailRequestMessage(
                tenant: try request.pointee.tenant.text("tenant"),
                filter: try request.pointee.filter.map { (filter) throws(MessageError) in
                    try unsafe EventFilter(filter.pointee)
                }
                    ?? EventFilter(),
                from: try request.pointee.from.map { (from) throws(MessageError) in
                    try unsafe LogPosition(from.pointee, "from")
                })
        }
    }

    /// The encoded request.
    package func serialized() -> [UInt8] {
        unsafe MessageArena.pack(
            size: docket__v1__tail_request__get_packed_size, pack: docket__v1__tail_request__pack
        ) { arena in
            let request = unsafe arena.make(docket__v1__tail_request__init)
            unsafe request.pointee.has_tenant = self.tenant.isEmpty ? 0 : 1
            unsafe request.pointee.tenant = arena.bytes(self.tenant.utf8)
            unsafe request.pointee.filter = self.filter == EventFilter() ? nil : self.filter.message(in: arena)
            unsafe request.pointee.from = self.from?.message(in: arena)
            return unsafe request
        }
    }
}
