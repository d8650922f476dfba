public import CDocketClient
internal import DocketClient

// The functions of docket.h, which documents them. The compiler holds each against its declaration there.

// MARK: A client's life

@c @implementation
public func docket_client_create(
    _ config: UnsafePointer<docket_config>?, _ client: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe client?.pointee = nil
    return unsafe call(error, waits: true) { () throws(CallError) in
        guard let client = unsafe client else {
            throw CallError(DOCKET_INVALID_ARGUMENT, "the pointer to the client is NULL")
        }
        let config = unsafe try docket_config.read(config)
        let callbacks = unsafe Callbacks(config)
        var configuration = unsafe try AuditClient.Configuration(config)
        unsafe configuration.logger = try .init(config, callbacks)
        if callbacks.takesRejections { configuration.onRejection = { callbacks.reject($0) } }
        Forking.watch()
        let opened = try BlockingCall.wait { [configuration] () throws(ClientError) in
            try await AuditClient.open(configuration)
        }
        unsafe client.pointee = ClientTable.add(OpenClient(client: opened, callbacks: callbacks))
    }
}

@c @implementation
public func docket_client_close(
    _ client: OpaquePointer?, _ timeout_ms: Int64, _ stats: UnsafeMutablePointer<docket_stats>?,
    _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error, waits: true) { () throws(CallError) in
        let slot = unsafe try stats.map { pointer throws(CallError) in unsafe try ResultSlot(pointer) }
        let closing = unsafe try ClientTable.remove(client)
        let timeout = Timeout(milliseconds: timeout_ms)
        let last = try BlockingCall.wait { () throws(ClientError) in
            await closing.client.shutdown(timeout: timeout.duration)
            return closing.client.statistics
        }
        closing.callbacks.close()
        unsafe slot?.fill(docket_stats(last))
        let lost = last.droppedCounts[.shutDown, default: 0] + last.droppedCounts[.unanswered, default: 0]
        guard lost == 0 else {
            throw CallError(
                DOCKET_TIMED_OUT, "the client was closed with \(lost) events unanswered, which were dropped")
        }
    }
}

@c @implementation
public func docket_new_event_id(_ event_id: UnsafeMutablePointer<UInt8>?) {
    guard let event_id = unsafe event_id else { return }
    unsafe UnsafeMutableRawBufferPointer(start: event_id, count: 16).copyBytes(from: EventID.new().bytes)
}

// MARK: Emitting

@c @implementation
public func docket_client_emit(
    _ client: OpaquePointer?, _ event: UnsafePointer<docket_event>?, _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error) { () throws(CallError) in
        try emit(unsafe try Event(event), unsafe try ClientTable.find(client))
    }
}

@c @implementation
public func docket_client_emit_json(
    _ client: OpaquePointer?, _ json: UnsafePointer<CChar>?, _ length: Int, _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error) { () throws(CallError) in
        try emit(unsafe try Event(json: json, length: length), unsafe try ClientTable.find(client))
    }
}

private func emit(_ event: Event, _ open: OpenClient) throws(CallError) {
    if let error = open.client.offer(event) { throw CallError(error) }
}

@c @implementation
public func docket_client_emit_durably(
    _ client: OpaquePointer?, _ event: UnsafePointer<docket_event>?, _ timeout_ms: Int64,
    _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error, waits: true) { () throws(CallError) in
        try emitDurably(unsafe try Event(event), unsafe try ClientTable.find(client), timeout_ms)
    }
}

@c @implementation
public func docket_client_emit_durably_json(
    _ client: OpaquePointer?, _ json: UnsafePointer<CChar>?, _ length: Int, _ timeout_ms: Int64,
    _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error, waits: true) { () throws(CallError) in
        try emitDurably(
            unsafe try Event(json: json, length: length), unsafe try ClientTable.find(client), timeout_ms)
    }
}

private func emitDurably(_ event: Event, _ open: OpenClient, _ timeout: Int64) throws(CallError) {
    try BlockingCall.wait(Timeout(milliseconds: timeout)) { () throws(ClientError) in
        try await open.client.emitDurably(event)
    }
}

@c @implementation
public func docket_client_emit_and_wait(
    _ client: OpaquePointer?, _ event: UnsafePointer<docket_event>?, _ timeout_ms: Int64,
    _ receipt: UnsafeMutablePointer<docket_receipt>?, _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error, waits: true) { () throws(CallError) in
        let open = unsafe try ClientTable.find(client)
        unsafe try emitAndWait(unsafe try Event(event), open, timeout_ms, receipt)
    }
}

@c @implementation
public func docket_client_emit_and_wait_json(
    _ client: OpaquePointer?, _ json: UnsafePointer<CChar>?, _ length: Int, _ timeout_ms: Int64,
    _ receipt: UnsafeMutablePointer<docket_receipt>?, _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error, waits: true) { () throws(CallError) in
        let open = unsafe try ClientTable.find(client)
        unsafe try emitAndWait(unsafe try Event(json: json, length: length), open, timeout_ms, receipt)
    }
}

private func emitAndWait(
    _ event: Event, _ open: OpenClient, _ timeout: Int64, _ receipt: UnsafeMutablePointer<docket_receipt>?
) throws(CallError) {
    let slot = unsafe try receipt.map { pointer throws(CallError) in unsafe try ResultSlot(pointer) }
    let got = try BlockingCall.wait { () throws(ClientError) in
        try await open.client.emitAndWait(event, timeout: Timeout(milliseconds: timeout).duration)
    }
    unsafe slot?.fill(docket_receipt(got))
}

// MARK: Flushing and counting

@c @implementation
public func docket_client_flush(
    _ client: OpaquePointer?, _ timeout_ms: Int64, _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error, waits: true) { () throws(CallError) in
        let open = unsafe try ClientTable.find(client)
        try BlockingCall.wait { () throws(ClientError) in
            try await open.client.flush(timeout: Timeout(milliseconds: timeout_ms).duration)
        }
    }
}

@c @implementation
public func docket_client_stats(
    _ client: OpaquePointer?, _ stats: UnsafeMutablePointer<docket_stats>?, _ error: UnsafeMutablePointer<docket_error>?
) -> docket_status {
    unsafe call(error) { () throws(CallError) in
        guard let stats = unsafe stats else {
            throw CallError(DOCKET_INVALID_ARGUMENT, "the pointer to docket_stats is NULL")
        }
        let slot = unsafe try ResultSlot(stats)
        unsafe slot.fill(docket_stats(try ClientTable.find(client).client.statistics))
    }
}
