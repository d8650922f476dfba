internal import CDocketClient
internal import DocketClient
internal import DocketThreads
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A client that hasn't been closed.
struct OpenClient: Sendable {
    let client: AuditClient
    let callbacks: Callbacks
}

/// The open clients by their handles. A handle is a number that no other client ever gets: what is done with one after closing is
/// an error and nothing worse, also while other threads close.
enum ClientTable {
    private struct State: Sendable {
        var clients: [UInt: OpenClient] = [:]
        var nextHandle: UInt = 0x10
    }

    private static let state = Mutex(State())

    static func add(_ client: OpenClient) -> OpaquePointer? {
        let handle = self.state.withLock { state in
            defer { state.nextHandle += 0x10 }
            state.clients[state.nextHandle] = client
            return state.nextHandle
        }
        return unsafe OpaquePointer(bitPattern: handle)
    }

    static func find(_ handle: OpaquePointer?) throws(CallError) -> OpenClient {
        let number = unsafe try self.number(handle)
        guard let client = self.state.withLock({ $0.clients[number] }) else { throw .closed }
        return client
    }

    /// Whoever removes a client closes it.
    static func remove(_ handle: OpaquePointer?) throws(CallError) -> OpenClient {
        let number = unsafe try self.number(handle)
        guard let client = self.state.withLock({ $0.clients.removeValue(forKey: number) }) else { throw .closed }
        return client
    }

    private static func number(_ handle: OpaquePointer?) throws(CallError) -> UInt {
        guard let handle = unsafe handle else { throw CallError(DOCKET_INVALID_ARGUMENT, "the client is NULL") }
        return UInt(bitPattern: handle)
    }
}

/// Whether this process was forked from one with a client: its threads are missing here, and what they held is held for ever.
enum Forking {
    private static let state = Atomic(false)
    private static let registration: Void = {
        // Touched now, so that nothing is to be initialised in the child.
        Forking.state.store(false, ordering: .relaxed)
        _ = pthread_atfork(nil, nil, { Forking.state.store(true, ordering: .relaxed) })
    }()

    static var isChild: Bool { self.state.load(ordering: .relaxed) }

    /// To be called before the first client is made.
    static func watch() { self.registration }
}

/// How long a call may wait.
struct Timeout {
    /// Longer than anybody waits: clocks can count that far.
    private static let longest = Int64(365) * 24 * 3600 * 1000

    let duration: Duration

    /// - Parameter milliseconds: negative for ever.
    init(milliseconds: Int64) {
        self.duration = .milliseconds(milliseconds < 0 ? Self.longest : min(milliseconds, Self.longest))
    }
}

/// Waits on the caller's own thread, which isn't one of those that tasks share, for what a task does.
enum BlockingCall {
    /// - Parameter timeout: after which the task is cancelled; `nil` when it keeps to a time itself.
    static func wait<Value: Sendable>(
        _ timeout: Timeout? = nil, for work: @escaping @Sendable () async throws(ClientError) -> Value
    ) throws(CallError) -> Value {
        let answer = Monitor<Result<Value, ClientError>?>(nil)
        let task = Task {
            let result: Result<Value, ClientError>
            do throws(ClientError) { result = .success(try await work()) } catch { result = .failure(error) }
            answer.withLock(wakingAll: true) { $0 = result }
        }
        if let timeout, answer.wait(for: timeout.duration, { $0 }) == nil {
            task.cancel()
            // What comes now is the answer that was just in time, or that of a cancelled task.
            switch answer.wait({ $0 }) {
            case .success(let value): return value
            case .failure(let error) where error.code != .shutDown: throw CallError(error)
            default:
                throw CallError(
                    DOCKET_TIMED_OUT, "no answer within \(timeout.duration); the event may be kept all the same")
            }
        }
        switch answer.wait({ $0 }) {
        case .success(let value): return value
        case .failure(let error): throw CallError(error)
        case nil: throw .closed
        }
    }
}
