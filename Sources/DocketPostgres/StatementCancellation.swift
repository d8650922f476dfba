import CLibpq
import Synchronization

/// How to break off what a connection is doing, from another thread (PostgreSQL, libpq, "Canceling Queries in Progress").
///
/// Sendable without the compiler's proof: libpq's object is never changed after it is made, and PQcancel may be called
/// from any thread.
@safe final class StatementCanceller: @unchecked Sendable {
    private let handle: OpaquePointer

    /// `nil` when libpq has no memory for it, or the connection is gone.
    init?(_ connection: PostgresConnection) {
        guard let handle = unsafe PQgetCancel(connection.handle) else { return nil }
        unsafe self.handle = unsafe handle
    }

    deinit { unsafe PQfreeCancel(self.handle) }

    /// Asks the server, over a connection of its own, and waits until it has been told. That it can't be told changes nothing:
    /// then the statement ends by its timeout.
    func cancel() {
        var message = [CChar](repeating: 0, count: 256)
        _ = unsafe message.withUnsafeMutableBufferPointer { buffer in
            unsafe PQcancel(self.handle, buffer.baseAddress, Int32(buffer.count))
        }
    }
}

/// A piece of work that may be cancelled while it waits for its connection and while it runs.
final class WorkCancellation: Sendable {
    private enum State {
        case waiting
        case running(StatementCanceller)
        case cancelled
        case over
    }

    private let state = Mutex(State.waiting)

    /// The work begins; `false` when nobody wants it any more.
    func begin(_ connection: PostgresConnection) -> Bool {
        self.state.withLock { state in
            if case .cancelled = state { return false }
            state = StatementCanceller(connection).map { .running($0) } ?? .over
            return true
        }
    }

    /// The work has ended: from now on the connection does something else.
    func end() { self.state.withLock { $0 = .over } }

    /// Whether nobody wants the work any more: to be asked between statements, where there is none to break off.
    var isCancelled: Bool {
        self.state.withLock { state in
            if case .cancelled = state { true } else { false }
        }
    }

    /// Breaks the work off, or keeps it from beginning. Blocks: ``end()`` waits for it, so that no later work is hit.
    func perform() {
        self.state.withLock { state in
            switch state {
            case .waiting: state = .cancelled
            case .running(let canceller):
                canceller.cancel()
                state = .cancelled
            case .cancelled, .over: break
            }
        }
    }
}
