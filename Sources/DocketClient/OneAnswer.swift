internal import Synchronization

/// A value that one task waits for and several may give: the first one counts, the others are ignored.
///
/// So an answer, a timer and a cancellation can race for the same continuation, which is resumed exactly once.
final class OneAnswer<Value: Sendable>: Sendable {
    private enum State: Sendable {
        case pending
        case awaited(CheckedContinuation<Value, Never>)
        case settled(Value)
    }

    private let state = Mutex(State.pending)

    /// Gives the value, unless there is one.
    func settle(_ value: Value) {
        let waiting = self.state.withLock { state -> CheckedContinuation<Value, Never>? in
            switch state {
            case .settled:
                return nil
            case .pending:
                state = .settled(value)
                return nil
            case .awaited(let continuation):
                state = .settled(value)
                return continuation
            }
        }
        waiting?.resume(returning: value)
    }

    /// Waits for the value. To be called once.
    func value() async -> Value {
        await withCheckedContinuation { continuation in
            let settled = self.state.withLock { state -> Value? in
                switch state {
                case .settled(let value):
                    return value
                case .pending:
                    state = .awaited(continuation)
                    return nil
                case .awaited:
                    preconditionFailure("an answer has one reader")
                }
            }
            if let settled { continuation.resume(returning: settled) }
        }
    }
}
