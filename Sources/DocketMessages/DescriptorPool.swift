/// The descriptors of .proto files, by file and by symbol: what reflection answers from.
package struct DescriptorPool: Sendable {
    private struct File {
        var name = ""
        var dependencies: [String] = []
        var encoded: [UInt8] = []
    }

    private var files: [String: File] = [:]
    /// The file's name by the full name of each symbol that it declares.
    private var symbols: [String: String] = [:]

    /// The descriptors of all files that Docket's services are made of.
    package static func docket() throws(MessageError) -> DescriptorPool {
        try DescriptorPool(serialized: PackageResources.Descriptors_binpb)
    }

    /// Reads an encoded `google.protobuf.FileDescriptorSet`, as `protoc --descriptor_set_out` writes it.
    ///
    /// - Throws: ``MessageError`` with code `malformed`.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        var reader = WireReader(bytes[...], of: "google.protobuf.FileDescriptorSet")
        while let field = try reader.next() {
            if case .bytes(1, let file) = field { try self.add(file) }
        }
    }

    /// The file of that name and all those that it imports, each once, itself first; `nil` when there is none.
    package func files(named name: String) -> [[UInt8]]? {
        guard self.files[name] != nil else { return nil }
        var found: [[UInt8]] = []
        var next = [name]
        var seen: Set<String> = [name]
        while let name = next.popLast() {
            guard let file = self.files[name] else { continue }
            found.append(file.encoded)
            next += file.dependencies.filter { seen.insert($0).inserted }
        }
        return found
    }

    /// The same for the file that declares the symbol of that full name.
    package func files(declaring symbol: String) -> [[UInt8]]? {
        self.symbols[symbol].flatMap { self.files(named: $0) }
    }

    /// Whether a message, enumeration, service, method, field or value of that full name is declared.
    package func declares(_ symbol: String) -> Bool { self.symbols[symbol] != nil }

    // MARK: Reading descriptor.proto's messages

    private mutating func add(_ encoded: ArraySlice<UInt8>) throws(MessageError) {
        var file = File(encoded: Array(encoded))
        var package = ""
        var messages: [ArraySlice<UInt8>] = []
        var enumerations: [ArraySlice<UInt8>] = []
        var services: [ArraySlice<UInt8>] = []
        var reader = WireReader(encoded, of: "google.protobuf.FileDescriptorProto")
        while let field = try reader.next() {
            switch field {
            case .bytes(1, let name): file.name = String(decoding: name, as: UTF8.self)
            case .bytes(2, let name): package = String(decoding: name, as: UTF8.self)
            case .bytes(3, let name): file.dependencies.append(String(decoding: name, as: UTF8.self))
            case .bytes(4, let message): messages.append(message)
            case .bytes(5, let enumeration): enumerations.append(enumeration)
            case .bytes(6, let service): services.append(service)
            default: break
            }
        }
        self.files[file.name] = file
        for message in messages { try self.addMessage(message, scope: package, file: file.name) }
        // The values of an enumeration are siblings of it, not its children.
        for enumeration in enumerations { try self.addEnumeration(enumeration, scope: package, file: file.name) }
        for service in services { try self.addParent(service, children: 2, scope: package, file: file.name) }
    }

    private mutating func addMessage(
        _ encoded: ArraySlice<UInt8>, scope: String, file: String
    ) throws(MessageError) {
        let name = try self.addParent(encoded, children: 2, scope: scope, file: file)
        var reader = WireReader(encoded, of: "google.protobuf.DescriptorProto")
        while let field = try reader.next() {
            switch field {
            case .bytes(3, let nested): try self.addMessage(nested, scope: name, file: file)
            case .bytes(4, let enumeration): try self.addEnumeration(enumeration, scope: name, file: file)
            case .bytes(8, let oneof): try self.addParent(oneof, children: nil, scope: name, file: file)
            default: break
            }
        }
    }

    private mutating func addEnumeration(
        _ encoded: ArraySlice<UInt8>, scope: String, file: String
    ) throws(MessageError) {
        try self.addParent(encoded, children: nil, scope: scope, file: file)
        var reader = WireReader(encoded, of: "google.protobuf.EnumDescriptorProto")
        while let field = try reader.next() {
            if case .bytes(2, let value) = field {
                try self.addParent(value, children: nil, scope: scope, file: file)
            }
        }
    }

    /// Adds what has its name in field 1, and its children in the field of that number. Returns its full name.
    @discardableResult
    private mutating func addParent(
        _ encoded: ArraySlice<UInt8>, children: UInt32?, scope: String, file: String
    ) throws(MessageError) -> String {
        var name = ""
        var inside: [ArraySlice<UInt8>] = []
        var reader = WireReader(encoded, of: "descriptor")
        while let field = try reader.next() {
            guard case .bytes(let number, let content) = field else { continue }
            if number == 1 { name = String(decoding: content, as: UTF8.self) }
            if number == children { inside.append(content) }
        }
        let full = scope.isEmpty ? name : scope + "." + name
        self.symbols[full] = file
        for child in inside { try self.addParent(child, children: nil, scope: full, file: file) }
        return full
    }
}
