import CDocketProtos
import CProtobufC

/// A `ServerReflectionRequest` of `grpc.reflection.v1`, or of v1alpha, which is the same on the wire.
package struct ReflectionRequestMessage: Sendable, Equatable {
    /// What is asked.
    package enum Question: Sendable, Equatable {
        /// The file of that name.
        case file(name: String)
        /// The file that declares the symbol of that full name.
        case symbol(String)
        /// The file that declares an extension.
        case extensionFile(containingType: String, number: Int32)
        /// The numbers of all extensions of a message.
        case extensionNumbers(type: String)
        /// The names of all services.
        case services
        /// Nothing that this version knows.
        case unknown
    }

    package let question: Question
    private let host: String
    /// The request as it came: the response quotes it.
    private let original: [UInt8]

    /// Reads an encoded request.
    ///
    /// - Throws: ``MessageError`` with code `malformed`, `invalidText`, or `tooLong` over 64 KiB.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        (self.host, self.question) = try unsafe MessageArena.unpack(
            bytes, "ServerReflectionRequest", with: grpc__reflection__v1__server_reflection_request__unpack
        ) { request throws(MessageError) in
            (try unsafe request.pointee.host.text("host"), try unsafe Self.question(request.pointee))
        }
        self.original = bytes
    }

    private static func question(
        _ request: Grpc__Reflection__V1__ServerReflectionRequest
    ) throws(MessageError) -> Question {
        switch unsafe request.message_request_case {
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
            return .file(name: try unsafe request.file_by_filename.text("file_by_filename"))
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
            return .symbol(try unsafe request.file_containing_symbol.text("file_containing_symbol"))
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
            guard let asked = unsafe request.file_containing_extension else { return .unknown }
            return .extensionFile(
                containingType: try unsafe asked.pointee.containing_type.text("containing_type"),
                number: unsafe asked.pointee.extension_number)
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
            let type = try unsafe request.all_extension_numbers_of_type.text("all_extension_numbers_of_type")
            return .extensionNumbers(type: type)
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
            return .services
        default:
            return .unknown
        }
    }

    /// The encoded `ServerReflectionResponse` to this request.
    package func response(_ answer: ReflectionAnswer) -> [UInt8] {
        var writer = WireWriter()
        if !self.host.isEmpty { writer.append(field: 1, self.host.utf8) }
        writer.append(field: 2, self.original)
        var content = WireWriter()
        switch answer {
        case .files(let files):
            for file in files { content.append(field: 1, file) }
            writer.append(field: 4, content.bytes)
        case .extensionNumbers(let type):
            content.append(field: 1, type.utf8)
            writer.append(field: 5, content.bytes)
        case .services(let names):
            for name in names {
                var service = WireWriter()
                service.append(field: 1, name.utf8)
                content.append(field: 1, service.bytes)
            }
            writer.append(field: 6, content.bytes)
        case .failure(let code, let message):
            content.append(field: 1, varint: UInt64(code))
            content.append(field: 2, message.utf8)
            writer.append(field: 7, content.bytes)
        }
        return writer.bytes
    }
}

/// What reflection answers.
package enum ReflectionAnswer: Sendable, Equatable {
    /// Encoded file descriptors, the one asked for first.
    case files([[UInt8]])
    /// The extensions of a message; proto3 has none.
    case extensionNumbers(type: String)
    /// The full names of all services.
    case services([String])
    /// A gRPC status code, and why.
    case failure(code: UInt32, message: String)
}
