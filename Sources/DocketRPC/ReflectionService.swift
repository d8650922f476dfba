import DocketGRPC
package import DocketMessages
import DocketTransport

/// `grpc.reflection.v1` and v1alpha: what the server offers, so that tools such as grpcurl need no .proto files. It tells no more
/// than those files do, and asks for no credential.
package struct ReflectionService: Sendable {
    /// The names of the service.
    package static let names = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

    private let pool: DescriptorPool
    private let services: [String]

    /// - Parameters:
    ///   - pool: the descriptors of all services.
    ///   - services: the full names of the services that are served.
    init(pool: DescriptorPool, services: [String]) {
        self.pool = pool
        self.services = services
    }

    /// The answer to a question.
    func answer(_ question: ReflectionRequestMessage.Question) -> ReflectionAnswer {
        switch question {
        case .services:
            return .services(self.services)
        case .file(let name):
            return self.found(self.pool.files(named: name), "file '\(name.prefix(256))'")
        case .symbol(let symbol):
            return self.found(self.pool.files(declaring: symbol), "symbol '\(symbol.prefix(256))'")
        case .extensionFile(let type, let number):
            return self.found(nil, "extension \(number) of '\(type.prefix(256))'")
        case .extensionNumbers(let type):
            guard self.pool.declares(type) else { return self.found(nil, "message '\(type.prefix(256))'") }
            return .extensionNumbers(type: type)
        case .unknown:
            return .failure(
                code: UInt32(GRPCCode.invalidArgument.rawValue),
                message: "the request asks nothing that this server knows of")
        }
    }

    private func found(_ files: [[UInt8]]?, _ what: String) -> ReflectionAnswer {
        files.map { .files($0) }
            ?? .failure(code: UInt32(GRPCCode.notFound.rawValue), message: "this server has no \(what)")
    }
}

extension RPCMethods {
    /// Adds reflection for all services that have been registered so far, and itself.
    package mutating func registerReflection(_ pool: DescriptorPool) {
        let service = ReflectionService(
            pool: pool, services: (self.table.serviceNames + ReflectionService.names).sorted())
        for name in ReflectionService.names {
            self.register(name, "ServerReflectionInfo") { call in
                // A request names a file or a symbol.
                call.limitMessages(toBytes: 64 << 10)
                call.sendHeaders()
                return ReflectionHandler(service)
            }
        }
    }
}

/// One call: each request gets its response at once.
private final class ReflectionHandler: ServerCallHandler {
    private let service: ReflectionService

    init(_ service: ReflectionService) { self.service = service }

    func receive(_ message: InboundMessage, call: ServerCallContext) {
        defer { message.reservation.release() }
        do throws(MessageError) {
            let request = try ReflectionRequestMessage(serialized: message.bytes)
            call.send(request.response(self.service.answer(request.question)))
        } catch {
            call.finish(GRPCStatus(error))
        }
    }

    func receiveEnd(call: ServerCallContext) { call.finish(.ok) }

    func cancelled(call: ServerCallContext) {}

    func draining(call: ServerCallContext) {
        call.finish(GRPCStatus(.unavailable, "the connection is being drained; ask by another one"))
    }
}
