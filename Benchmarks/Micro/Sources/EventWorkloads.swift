import DocketEvents
import DocketModel

/// What it costs to make events, before they are emitted.
enum EventWorkloads {
    private static let operations = 500

    static let all = [
        // Outside of every scope and context: what each event pays for there being such things.
        Benchmark(name: "events/inherit-nothing", unit: .event, operations: operations) {
            InheritWorkload(scope: nil, events: operations)
        },
        Benchmark(name: "events/inherit-scope", unit: .event, operations: operations) {
            InheritWorkload(
                scope: AuditScope(actor: .user("alice"), sessionID: "s-1", requestID: "r-1"), events: operations)
        },
        benchmark("events/words") {
            Event("authz.decision").by(.user("alice")).doing("read").on("file", "/etc/passwd")
                .decided(.deny, policy: "p1").ended(.failure).session("s-1").request("r-1").took(.milliseconds(3))
        },
        benchmark("events/attributes") {
            Event("authz.decision").attributes(["method": "GET", "bytes": 4096, "ok": true])
        },
        benchmark("events/typed") { Login(method: .passkey, client: "app/2.1", attempt: 2).event() },
    ]

    private static func benchmark(_ name: String, _ event: @escaping @Sendable () -> Event) -> Benchmark {
        Benchmark(name: name, unit: .event, operations: operations) {
            ClosureWorkload { for _ in 0..<operations { keep(event()) } }
        }
    }
}

private struct Login: AuditEventType {
    enum Method: String, CaseIterable, AttributeValue { case password, passkey }

    static let definition = EventTypeDefinition<Login>(
        "user.login", requires: [.actorID],
        attributes: [
            .init("method", \.method), .init("client", \.client, maxLength: 256), .init("attempt", \.attempt),
        ])

    var method: Method
    var client: String
    var attempt: Int?
}

/// Events take over what is around them.
private final class InheritWorkload: Workload {
    private let scope: AuditScope?
    private let original: [Event]
    private var events: [Event] = []

    init(scope: AuditScope?, events: Int) {
        self.scope = scope
        self.original = (0..<events).map { _ in Event("file.read") }
    }

    func prepare() {
        self.events = self.original
        // Of its own storage, so that the run doesn't copy the array.
        self.events.reserveCapacity(self.original.count + 1)
    }

    func run() throws {
        guard let scope = self.scope else { return self.inherit() }
        withAuditScope(scope) { self.inherit() }
        guard self.events.last?.requestID == scope.requestID else { throw WorkloadFault("nothing was inherited") }
    }

    private func inherit() { for index in self.events.indices { self.events[index].inheritContext() } }
}
