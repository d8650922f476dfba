import Synchronization

/// Waits until both servers are bound.
final class ReadyGate: Sendable {
    private let state = Mutex<(grpc: String?, http: String?)>((nil, nil))
    private let onReady: @Sendable (CollectorRuntime.Addresses) -> Void

    init(onReady: @escaping @Sendable (CollectorRuntime.Addresses) -> Void) { self.onReady = onReady }

    func set(grpc: String? = nil, http: String? = nil) {
        let both = self.state.withLock { state -> CollectorRuntime.Addresses? in
            state.grpc = grpc ?? state.grpc
            state.http = http ?? state.http
            guard let grpc = state.grpc, let http = state.http else { return nil }
            return .init(grpc: grpc, http: http)
        }
        if let both { self.onReady(both) }
    }
}
