import Synchronization

/// How a client connection is.
package enum ClientConnectionState: Sendable, Equatable {
    /// Calls can be started.
    case ready
    /// The server has said that it takes no further calls (GOAWAY), or this side is shutting down. Calls that are open
    /// may finish; start new ones on another connection.
    case draining(reason: String)
    /// Gone. Every call has been finished.
    case closed(reason: String)
}

/// The state as other threads see it. It only ever goes forward.
final class ClientStateCell: Sendable {
    private let state = Mutex(ClientConnectionState.ready)
    private let changed: @Sendable (ClientConnectionState) -> Void

    init(changed: @escaping @Sendable (ClientConnectionState) -> Void) {
        self.changed = changed
    }

    var value: ClientConnectionState { self.state.withLock { $0 } }

    func advance(to next: ClientConnectionState) {
        let isNews = self.state.withLock { state in
            switch (state, next) {
            case (.ready, .draining), (.ready, .closed), (.draining, .closed):
                state = next
                return true
            default:
                return false
            }
        }
        if isNews { self.changed(next) }
    }
}
