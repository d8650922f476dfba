package import DocketGRPC
import DocketMessages
package import DocketTransport

/// The methods that a server answers: what its calls are routed by.
///
/// Built once, before the server starts; the order of registration doesn't matter.
package struct MethodTable: Sendable {
    /// Makes the handler of a call, on the call's event loop. It may send headers at once, as accepted streams do.
    ///
    /// - Throws: the status that refuses the call before any message.
    package typealias HandlerFactory = @Sendable (ServerCallContext) throws(GRPCStatus) -> any ServerCallHandler

    /// By path: `/` service `/` method.
    private var factories: [String: HandlerFactory] = [:]
    private var services: Set<String> = []

    /// A table without methods.
    package init() {}

    /// Adds a method; the last of one name wins.
    ///
    /// - Parameters:
    ///   - service: the full name, such as `docket.v1.CollectorService`.
    ///   - method: the method's name, such as `Publish`.
    package mutating func register(_ service: String, _ method: String, _ factory: @escaping HandlerFactory) {
        self.services.insert(service)
        self.factories["/\(service)/\(method)"] = factory
    }

    /// The full names of all services, sorted.
    package var serviceNames: [String] { self.services.sorted() }
}

extension MethodTable: ServerCallRouter {
    package func explained(_ status: GRPCStatus) -> GRPCStatus {
        guard status.code == .resourceExhausted else { return status }
        // A limit that stays where it is is one on a message; one that passes, on what the server does at once.
        let subject = status.retryPushbackMilliseconds == nil ? "message" : "server"
        return GRPCStatus(
            status.code, status.message,
            details: [.quotaFailure([.init(subject: subject, description: status.message)])],
            retryAfterMilliseconds: status.retryPushbackMilliseconds)
    }

    package func handler(for call: ServerCallContext) throws(GRPCStatus) -> any ServerCallHandler {
        if let factory = self.factories[call.head.path] { return try factory(call) }
        let known = self.services.contains(call.head.service)
        throw GRPCStatus(
            .unimplemented,
            known
                ? "the service \(call.head.service) has no method \(call.head.method)"
                : "this server has no service \(call.head.service)")
    }
}
