#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Brings event types that are declared in Swift to the registry.
public enum EventTypeDefinitions {
    /// Writes the definition of each type into a folder, as `<name>.json`, for `docket event-type apply FOLDER`. The folder is
    /// made when it isn't there; other files in it are left alone. Files are replaced as a whole, each at once.
    ///
    /// - Parameters:
    ///   - types: Event types: `[Login.self, Logout.self]`.
    ///   - folder: A path.
    /// - Throws: ``EventsError`` when two types have one name, a name can't be that of an event type, or a file can't be
    ///   written. With names at fault nothing is written.
    public static func write(_ types: [any AuditEventType.Type], to folder: String) throws(EventsError) {
        var files: [(name: String, json: String)] = []
        for type in types {
            let file = Self.file(of: type)
            guard !file.name.isEmpty, file.name.utf8.allSatisfy(Self.isNameCharacter) else {
                throw EventsError(
                    code: .unusableName,
                    message: "\(type) is named \"\(file.name)\"; use lower-case letters, digits and '_', in parts "
                        + "with dots between")
            }
            guard !files.contains(where: { $0.name == file.name }) else {
                throw EventsError(
                    code: .unusableName, message: "\(type) is named \(file.name) like another type; rename one of them")
            }
            files.append(file)
        }
        do {
            let folder = URL(filePath: folder)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for file in files {
                try Data(file.json.utf8).write(to: folder.appending(path: "\(file.name).json"), options: .atomic)
            }
        } catch {
            throw EventsError(
                code: .notWritable, message: "the definitions can't be written to \(folder): \(error)", cause: error)
        }
    }

    private static func file<EventType: AuditEventType>(of type: EventType.Type) -> (name: String, json: String) {
        (EventType.definition.name, EventType.definition.json)
    }

    /// What names consist of: nothing that leads out of the folder.
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}
