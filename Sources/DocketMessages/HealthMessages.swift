import CDocketProtos
import CProtobufC

/// The state of a service as `grpc.health.v1` knows it. The raw value is the number on the wire.
package enum ServingStatus: Int32, Sendable, Equatable {
    case unknown = 0
    case serving = 1
    case notServing = 2
    /// Only for those who watch: there is no such service now.
    case serviceUnknown = 3

    /// The encoded `grpc.health.v1.HealthCheckResponse`.
    package func serializedResponse() -> [UInt8] {
        var writer = WireWriter()
        writer.append(field: 1, varint: UInt64(self.rawValue))
        return writer.bytes
    }
}

/// A `grpc.health.v1.HealthCheckRequest`.
package struct HealthCheckRequestMessage: Sendable, Equatable {
    /// The full name of the service; empty for the server as a whole.
    package let service: String

    /// Reads an encoded request.
    ///
    /// - Throws: ``MessageError`` with code `malformed`, `invalidText`, or `tooLong` over 64 KiB.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self.service = try unsafe MessageArena.unpack(
            bytes, "grpc.health.v1.HealthCheckRequest", with: grpc__health__v1__health_check_request__unpack
        ) { request throws(MessageError) in
            try unsafe request.pointee.service.text("service")
        }
    }
}
