import CDocketProtos
import CProtobufC
package import DocketModel

/// A `docket.v1.QueryRequest`: which events a reader wants.
package struct QueryRequestMessage: Sendable, Equatable {
    /// The tenant whose log is read; empty when the credential covers exactly one.
    package var tenant: String
    /// All conditions that must hold.
    package var filter: EventFilter
    /// In which order the events come.
    package var order: EventOrder
    /// How many events a page holds; from 1 to ``maxPageSize``.
    package var pageSize: Int
    /// `next_page_token` of the page before; empty for the first page.
    package var pageToken: [UInt8]

    /// The most events that one page holds.
    package static let maxPageSize = 1_000
    /// What a page size of 0 means.
    package static let defaultPageSize = 100

    /// A request for the first page of the newest events, where nothing else is given.
    package init(
        tenant: String = "", filter: EventFilter = EventFilter(), order: EventOrder = .newestFirst,
        pageSize: Int = QueryRequestMessage.defaultPageSize, pageToken: [UInt8] = []
    ) {
        self.tenant = tenant
        self.filter = filter
        self.order = order
        self.pageSize = pageSize
        self.pageToken = pageToken
    }

    /// Reads an encoded request and checks all that the `.proto` file says about its fields.
    ///
    /// - Throws: ``MessageError`` that names the field.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self = try unsafe MessageArena.unpack(
            bytes, "QueryRequest", with: docket__v1__query_request__unpack
        ) { (request) throws(MessageError) in
            let pageSize = unsafe Int(request.pointee.page_size)
            guard pageSize <= Self.maxPageSize else {
                throw MessageError(
                    code: .outOfRange, field: "page_size",
                    message: "\(pageSize) exceeds \(Self.maxPageSize); ask for smaller pages")
            }
            return unsafe QueryRequestMessage(
                tenant: try request.pointee.tenant.text("tenant"),
                filter: try request.pointee.filter.map { (filter) throws(MessageError) in
                    try unsafe EventFilter(filter.pointee)
                }
                    ?? EventFilter(),
                order: try Self.order(Int32(bitPattern: request.pointee.order.rawValue)),
                pageSize: pageSize == 0 ? Self.defaultPageSize : pageSize,
                pageToken: request.pointee.page_token.array)
        }
    }

    /// The encoded request.
    package func serialized() -> [UInt8] {
        unsafe MessageArena.pack(
            size: docket__v1__query_request__get_packed_size, pack: docket__v1__query_request__pack
        ) { arena in
            let request = unsafe arena.make(docket__v1__query_request__init)
            unsafe request.pointee.has_tenant = self.tenant.isEmpty ? 0 : 1
            unsafe request.pointee.tenant = arena.bytes(self.tenant.utf8)
            unsafe request.pointee.filter = self.filter == EventFilter() ? nil : self.filter.message(in: arena)
            unsafe request.pointee.has_order = 1
            unsafe request.pointee.order = Docket__V1__Order(rawValue: UInt32(bitPattern: self.order.rawValue))
            unsafe request.pointee.has_page_size = 1
            unsafe request.pointee.page_size = UInt32(clamping: self.pageSize)
            unsafe request.pointee.has_page_token = self.pageToken.isEmpty ? 0 : 1
            unsafe request.pointee.page_token = arena.bytes(self.pageToken)
            return unsafe request
        }
    }

    private static func order(_ number: Int32) throws(MessageError) -> EventOrder {
        if number == 0 { return .newestFirst }
        guard let order = EventOrder(rawValue: number) else {
            throw MessageError(
                code: .outOfRange, field: "order",
                message: "\(number) is no order; send 1 (newest first) or 2 (oldest first)")
        }
        return order
    }
}

extension EventFilter {
    /// What a `docket.v1.EventFilter` asks for.
    fileprivate init(_ filter: Docket__V1__EventFilter) throws(MessageError) {
        self.init()
        if unsafe filter.has_scope != 0 { self.scope = try unsafe filter.scope.text("filter.scope") }
        if unsafe filter.has_type != 0 { self.type = try unsafe filter.type.text("filter.type") }
        if unsafe filter.has_actor_id != 0 { self.actorID = try unsafe filter.actor_id.text("filter.actor_id") }
        if unsafe filter.has_session_id != 0 { self.sessionID = try unsafe filter.session_id.text("filter.session_id") }
        if unsafe filter.has_resource_type != 0 {
            self.resourceType = try unsafe filter.resource_type.text("filter.resource_type")
        }
        if unsafe filter.has_resource_id != 0 {
            self.resourceID = try unsafe filter.resource_id.text("filter.resource_id")
        }
        if unsafe filter.has_action != 0 { self.action = try unsafe filter.action.text("filter.action") }
        let decision = unsafe Int32(bitPattern: filter.decision.rawValue)
        if decision != 0 {
            guard let known = Int16(exactly: decision).flatMap({ Decision(rawValue: $0) }) else {
                throw MessageError(
                    code: .outOfRange, field: "filter.decision",
                    message: "\(decision) is no decision; send 1 (allow), 2 (deny) or 3 (mask)")
            }
            self.decision = known
        }
        if unsafe filter.has_occurred_from_us != 0 {
            self.occurredFrom = try Self.time(unsafe filter.occurred_from_us, "filter.occurred_from_us")
        }
        if unsafe filter.has_occurred_to_us != 0 {
            self.occurredTo = try Self.time(unsafe filter.occurred_to_us, "filter.occurred_to_us")
        }
        if unsafe filter.has_event_id != 0 {
            self.eventID = try Self.bytes16(unsafe filter.event_id.array, "filter.event_id", "an event id")
        }
        if unsafe filter.has_request_id != 0 { self.requestID = try unsafe filter.request_id.text("filter.request_id") }
        if unsafe filter.has_agent_id != 0 { self.agentID = try unsafe filter.agent_id.text("filter.agent_id") }
        if unsafe filter.has_trace_id != 0 {
            self.traceID = try Self.bytes16(unsafe filter.trace_id.array, "filter.trace_id", "a trace id")
        }
    }

    /// - Parameter name: What the bytes are, with its article.
    private static func bytes16<Value: Bytes16>(
        _ bytes: [UInt8], _ field: String, _ name: String
    ) throws(MessageError) -> Value {
        guard let value = Value(bytes: bytes) else {
            throw MessageError(code: .outOfRange, field: field, message: "\(name) has 16 bytes, not \(bytes.count)")
        }
        return value
    }

    private static func time(_ microseconds: Int64, _ field: String) throws(MessageError) -> Timestamp {
        let time = Timestamp(microsecondsSinceEpoch: microseconds)
        guard time >= .earliest, time <= .latest else {
            throw MessageError(
                code: .outOfRange, field: field,
                message: "\(microseconds) is outside of years 1 to 9999; send microseconds since 1970-01-01T00:00:00Z")
        }
        return time
    }

    /// The message for the filter.
    fileprivate func message(in arena: MessageArena) -> UnsafeMutablePointer<Docket__V1__EventFilter> {
        let filter = unsafe arena.make(docket__v1__event_filter__init)
        unsafe Self.set(self.scope, &filter.pointee.has_scope, &filter.pointee.scope, arena)
        unsafe Self.set(self.type, &filter.pointee.has_type, &filter.pointee.type, arena)
        unsafe Self.set(self.actorID, &filter.pointee.has_actor_id, &filter.pointee.actor_id, arena)
        unsafe Self.set(self.sessionID, &filter.pointee.has_session_id, &filter.pointee.session_id, arena)
        unsafe Self.set(self.resourceType, &filter.pointee.has_resource_type, &filter.pointee.resource_type, arena)
        unsafe Self.set(self.resourceID, &filter.pointee.has_resource_id, &filter.pointee.resource_id, arena)
        unsafe Self.set(self.action, &filter.pointee.has_action, &filter.pointee.action, arena)
        if let decision = self.decision {
            unsafe filter.pointee.has_decision = 1
            unsafe filter.pointee.decision = Docket__V1__Decision(rawValue: UInt32(decision.rawValue))
        }
        if let from = self.occurredFrom {
            unsafe filter.pointee.has_occurred_from_us = 1
            unsafe filter.pointee.occurred_from_us = from.microsecondsSinceEpoch
        }
        if let to = self.occurredTo {
            unsafe filter.pointee.has_occurred_to_us = 1
            unsafe filter.pointee.occurred_to_us = to.microsecondsSinceEpoch
        }
        if let eventID = self.eventID {
            unsafe filter.pointee.has_event_id = 1
            unsafe filter.pointee.event_id = arena.bytes(eventID.bytes)
        }
        unsafe Self.set(self.requestID, &filter.pointee.has_request_id, &filter.pointee.request_id, arena)
        unsafe Self.set(self.agentID, &filter.pointee.has_agent_id, &filter.pointee.agent_id, arena)
        if let traceID = self.traceID {
            unsafe filter.pointee.has_trace_id = 1
            unsafe filter.pointee.trace_id = arena.bytes(traceID.bytes)
        }
        return unsafe filter
    }

    /// An absent field differs from an empty one.
    private static func set(
        _ text: String?, _ has: inout protobuf_c_boolean, _ field: inout ProtobufCBinaryData, _ arena: MessageArena
    ) {
        guard let text else { return }
        has = 1
        unsafe field = arena.bytes(text.utf8)
    }
}
