import DocketGRPC
package import DocketMessages
import DocketTransport
import Synchronization

/// `grpc.health.v1.Health`: whether the server, and each of its services, can be called. For load balancers, orchestrators and
/// clients that watch; no credential is asked for (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
package final class HealthService: Sendable {
    /// The name of the service.
    package static let name = "grpc.health.v1.Health"

    private struct State {
        var ledger = HealthLedger()
        var watchers: [HealthLedger.WatcherID: ServerCallReference] = [:]
    }

    private let state = Mutex(State())

    /// A request names one service.
    private static let maxRequestBytes = 64 << 10

    /// A health service that knows no service yet, and not the server as a whole either.
    package init() {}

    /// Sets the state of services; the empty name is the server as a whole. Who watches one of them is told. Nothing happens
    /// after ``shutDown()``.
    package func set(_ status: ServingStatus, for services: [String]) {
        self.perform { $0.set(status, for: services) }
    }

    /// Says NOT_SERVING for everything from now on, and ends the calls that watch: a server that is being drained waits for
    /// its calls.
    package func shutDown() { self.perform { $0.shutDown() } }

    /// Answers the calls of the service.
    package func register(in methods: inout RPCMethods) {
        methods.register(Self.name, "Check") { call in
            call.limitMessages(toBytes: Self.maxRequestBytes)
            return UnaryHandler { message, call in
                defer { message.reservation.release() }
                do throws(GRPCStatus) {
                    call.reply(try self.check(message.bytes).serializedResponse())
                } catch {
                    call.finish(error)
                }
            }
        }
        methods.register(Self.name, "Watch") { call in
            call.limitMessages(toBytes: Self.maxRequestBytes)
            let watcher = Watcher()
            let forget = { if let id = watcher.id { self.forget(id) } }
            return UnaryHandler(
                onCancel: forget,
                onDraining: { call in
                    forget()
                    call.finish(GRPCStatus(.unavailable, "the connection is being drained; watch by another one"))
                }
            ) { message, call in
                defer { message.reservation.release() }
                do throws(GRPCStatus) {
                    watcher.id = self.watch(try Self.service(message.bytes), call: call.reference)
                } catch {
                    call.finish(error)
                }
            }
        }
    }

    /// The watcher of a call; confined to the call's event loop.
    private final class Watcher {
        var id: HealthLedger.WatcherID?
    }

    private func check(_ message: [UInt8]) throws(GRPCStatus) -> ServingStatus {
        let service = try Self.service(message)
        guard let status = self.state.withLock({ $0.ledger.status(of: service) }) else {
            throw GRPCStatus(.notFound, "this server has no service '\(service.prefix(256))'")
        }
        return status
    }

    private func watch(_ service: String, call: ServerCallReference) -> HealthLedger.WatcherID? {
        self.state.withLock { state in
            let (id, actions) = state.ledger.watch(service)
            state.watchers[id] = call
            Self.perform(actions, &state)
            return state.watchers[id] == nil ? nil : id
        }
    }

    private func forget(_ id: HealthLedger.WatcherID) {
        self.state.withLock { state in
            state.ledger.forget(id)
            state.watchers[id] = nil
        }
    }

    private func perform(_ change: (inout HealthLedger) -> [HealthLedger.Action]) {
        // Posting to a loop's mailbox doesn't block, and under the lock all watchers are told in the order of the changes.
        self.state.withLock { state in
            let actions = change(&state.ledger)
            Self.perform(actions, &state)
        }
    }

    private static func perform(_ actions: [HealthLedger.Action], _ state: inout State) {
        for action in actions {
            switch action {
            case .tell(let id, let status):
                state.watchers[id]?.send(status.serializedResponse())
            case .end(let id):
                state.watchers.removeValue(forKey: id)?.finish(
                    GRPCStatus(.unavailable, "the server is shutting down; ask another one"))
            }
        }
    }

    private static func service(_ message: [UInt8]) throws(GRPCStatus) -> String {
        do {
            return try HealthCheckRequestMessage(serialized: message).service
        } catch {
            throw GRPCStatus(error)
        }
    }
}

/// Who watches what, and what is to be told to whom: a pure value.
struct HealthLedger: Sendable {
    struct WatcherID: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    /// What is to be done.
    enum Action: Sendable, Equatable {
        case tell(WatcherID, ServingStatus)
        /// The call ends.
        case end(WatcherID)
    }

    private var statuses: [String: ServingStatus] = [:]
    /// What each watches, in the order of their coming.
    private var watchers: [(id: WatcherID, service: String)] = []
    private var nextNumber: UInt64 = 0
    private var isShutDown = false

    /// The state of a service; `nil` when nothing is known of it.
    func status(of service: String) -> ServingStatus? { self.statuses[service] }

    /// Sets states. Whoever watches hears of those that have changed.
    mutating func set(_ status: ServingStatus, for services: [String]) -> [Action] {
        guard !self.isShutDown else { return [] }
        var changed: Set<String> = []
        for service in services where self.statuses.updateValue(status, forKey: service) != status {
            changed.insert(service)
        }
        return self.watchers.filter { changed.contains($0.service) }.map { .tell($0.id, status) }
    }

    /// A new watcher, which hears of the state at once.
    mutating func watch(_ service: String) -> (WatcherID, [Action]) {
        self.nextNumber += 1
        let id = WatcherID(number: self.nextNumber)
        let told = Action.tell(id, self.statuses[service] ?? .serviceUnknown)
        guard !self.isShutDown else { return (id, [told, .end(id)]) }
        self.watchers.append((id, service))
        return (id, [told])
    }

    /// A watcher has gone.
    mutating func forget(_ id: WatcherID) { self.watchers.removeAll { $0.id == id } }

    /// Nothing serves any more, for good.
    mutating func shutDown() -> [Action] {
        let actions = self.set(.notServing, for: Array(self.statuses.keys))
        self.isShutDown = true
        defer { self.watchers = [] }
        return actions + self.watchers.map { .end($0.id) }
    }
}
