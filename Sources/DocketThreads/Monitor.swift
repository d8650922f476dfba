#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Which of the threads that wait on a ``Monitor`` to wake.
package enum MonitorWake {
    case none
    case one
    case all
}

/// State behind a lock that threads can wait on: a mutex with a condition variable (the standard library has the one
/// without the other). Threads that wait here are Docket's own; never call ``wait(for:_:)`` from a task.
///
/// Sendable without the compiler's proof: `state` is touched between lock and unlock of `mutex` only, and both POSIX
/// objects have an address of their own that lives as long as this object.
@safe package final class Monitor<State: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    package init(_ state: State) {
        self.state = state
        unsafe self.mutex = .allocate(capacity: 1)
        unsafe self.condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(self.mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        #if !canImport(Darwin)
            unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        #endif
        unsafe pthread_cond_init(self.condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(self.condition)
        unsafe pthread_mutex_destroy(self.mutex)
        unsafe self.condition.deallocate()
        unsafe self.mutex.deallocate()
    }

    /// Runs `body` on the state, alone, and wakes every waiting thread when it says so.
    package func withLock<Result>(wakingAll: Bool = false, _ body: (inout State) -> Result) -> Result {
        unsafe pthread_mutex_lock(self.mutex)
        defer {
            unsafe pthread_mutex_unlock(self.mutex)
            if wakingAll { unsafe pthread_cond_broadcast(self.condition) }
        }
        return body(&self.state)
    }

    /// Runs `body` on the state, alone, and wakes the waiting threads that its answer names.
    package func withLockWaking(_ body: (inout State) -> MonitorWake) {
        switch self.withLock(body) {
        case .none: return
        case .one: unsafe pthread_cond_signal(self.condition)
        case .all: unsafe pthread_cond_broadcast(self.condition)
        }
    }

    /// Runs `body` on the state, alone, now and after every wake-up, until it gives a value; `nil` when `limit` has
    /// passed before that.
    package func wait<Result>(for limit: Duration? = nil, _ body: (inout State) -> Result?) -> Result? {
        var deadline = timespec()
        if let limit {
            unsafe clock_gettime(Self.clock, &deadline)
            let (seconds, attoseconds) = limit.components
            let nanoseconds = deadline.tv_nsec + Int(attoseconds / 1_000_000_000)
            deadline.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
            deadline.tv_nsec = nanoseconds % 1_000_000_000
        }
        unsafe pthread_mutex_lock(self.mutex)
        defer { unsafe pthread_mutex_unlock(self.mutex) }
        while true {
            if let result = body(&self.state) { return result }
            if limit == nil {
                unsafe pthread_cond_wait(self.condition, self.mutex)
            } else if unsafe pthread_cond_timedwait(self.condition, self.mutex, &deadline) == ETIMEDOUT {
                return body(&self.state)
            }
        }
    }

    #if canImport(Darwin)
        /// Darwin's condition variables know the wall clock only.
        private static var clock: clockid_t { CLOCK_REALTIME }
    #else
        private static var clock: clockid_t { CLOCK_MONOTONIC }
    #endif
}
