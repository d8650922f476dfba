/// The definitions of one directory, each of a type of its own.
package struct EventTypePack: Sendable, Equatable {
    /// In the order of the names.
    package let definitions: [EventTypeDefinition]

    /// Reads the files of a pack: whoever has them has done the I/O.
    ///
    /// - Throws: ``EventTypeError``; its message begins with the name of the file at fault.
    package init(files: [(name: String, bytes: [UInt8])]) throws(EventTypeError) {
        var found: [String: (file: String, definition: EventTypeDefinition)] = [:]
        for file in files {
            let definition: EventTypeDefinition
            do throws(EventTypeError) {
                definition = try EventTypeDefinition(json: file.bytes)
            } catch {
                throw EventTypeError(code: error.code, message: "\(file.name): \(error.message)", cause: error.cause)
            }
            if let other = found[definition.name] {
                throw EventTypeError(
                    code: .duplicateType,
                    message: "\(file.name): \(definition.name) is defined in \(other.file) too; remove one of them")
            }
            found[definition.name] = (file.name, definition)
        }
        self.definitions = found.values.map(\.definition).sorted { $0.name < $1.name }
    }
}
