internal import CDocketClient
internal import DocketClient

/// What a call fails with: what goes into a `docket_error`.
struct CallError: Error {
    let status: docket_status
    let message: String
    var rejectionCode: Int32 = 0

    init(_ status: Int, _ message: String) {
        self.status = docket_status(status)
        self.message = message
    }

    static let closed = CallError(DOCKET_CLOSED, "there is no open client of this handle; it was closed, or never made")
    static let inCallback = CallError(
        DOCKET_IN_CALLBACK, "this function would wait for the callback that called it; call it from another thread")
    static let forked = CallError(
        DOCKET_FORKED, "this process is a fork of one that made a client; make clients after fork(), or exec")
}

extension CallError {
    init(_ error: ClientError) {
        let status =
            switch error.code {
            case .invalidConfiguration: DOCKET_INVALID_CONFIGURATION
            case .unavailable: DOCKET_UNAVAILABLE
            case .unauthorized: DOCKET_UNAUTHORIZED
            case .refused: DOCKET_REFUSED
            case .rejected: DOCKET_REJECTED
            case .tooLarge: DOCKET_TOO_LARGE
            case .queueFull: DOCKET_QUEUE_FULL
            case .evicted: DOCKET_EVICTED
            case .journal: DOCKET_JOURNAL_FAILED
            case .shutDown: DOCKET_CLOSED
            case .timedOut: DOCKET_TIMED_OUT
            }
        self.init(status, Self.withCNames(error.message))
        self.rejectionCode = error.rejection?.code.rawValue ?? 0
    }

    /// Messages name settings and functions; here they are called otherwise.
    private static func withCNames(_ message: String) -> String {
        Self.names.reduce(message) { $0.replacing($1.swift, with: $1.c) }
    }

    private static let names: [(swift: String, c: String)] = [
        ("maxBatchEvents", "max_batch_events"), ("maxBatchBytes", "max_batch_bytes"),
        ("lingerMilliseconds", "linger_ms"), ("maxQueueBytes", "max_queue_bytes"),
        ("maxInFlightBatches", "max_in_flight_batches"), ("maxAttempts", "max_attempts"),
        ("initialBackoffMilliseconds", "initial_backoff_ms"), ("maxBackoffMilliseconds", "max_backoff_ms"),
        ("overflowPolicy", "overflow_policy"), ("maxBytes", "journal_max_bytes"),
        ("set journal to", "set journal_path to"),
        ("emitDurably", "docket_client_emit_durably"),
    ]
}

// MARK: Calls

/// Runs the body of a function, and reports how it ended.
///
/// - Parameter waits: whether the body waits for what the client's threads do.
func call(
    _ error: UnsafeMutablePointer<docket_error>?, waits: Bool = false, _ body: () throws(CallError) -> Void
) -> docket_status {
    do throws(CallError) {
        // First of all: in a forked child a lock may be held by a thread that isn't there.
        if Forking.isChild { throw .forked }
        if waits, CallbackThread.isInside { throw .inCallback }
        try body()
        unsafe report(docket_status(DOCKET_OK), 0, "", to: error)
        return docket_status(DOCKET_OK)
    } catch let failure {
        unsafe report(failure.status, failure.rejectionCode, failure.message, to: error)
        return failure.status
    }
}

private func report(
    _ status: docket_status, _ rejectionCode: Int32, _ message: String, to error: UnsafeMutablePointer<docket_error>?
) {
    guard let error = unsafe error else { return }
    unsafe error.pointee.status = status
    unsafe error.pointee.rejection_code = rejectionCode
    unsafe withUnsafeMutableBytes(of: &error.pointee.message) { room in
        let text = prefix(of: message.utf8, maxBytes: room.count - 1)
        unsafe room.copyBytes(from: text)
        unsafe room[text.count] = 0
    }
}

/// As much of a text as there is room for, cut between characters.
private func prefix(of text: String.UTF8View, maxBytes: Int) -> Substring.UTF8View {
    guard text.count > maxBytes else { return text[...] }
    var end = text.index(text.startIndex, offsetBy: maxBytes)
    while end > text.startIndex, text[end] & 0xC0 == 0x80 { end = text.index(before: end) }
    return text[..<end]
}
