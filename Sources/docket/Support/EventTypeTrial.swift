import DocketCodec
import DocketEventTypes
import DocketImport
import DocketModel
import DocketPostgres
import Foundation

/// Definitions of event types in files.
enum EventTypeFiles {
    /// Reads one definition, or all `*.json` of a folder.
    ///
    /// - Throws: ``CommandError`` when something can't be read, ``EventTypeError`` with the file's name for a fault in it.
    static func read(_ path: String) throws -> EventTypePack { try EventTypePack(files: Self.files(path)) }

    /// The same, each with the text that it was read from.
    static func readTexts(_ path: String) throws -> [Administration.DefinitionFile] {
        let files = try Self.files(path)
        // First, since its errors name the file.
        let pack = try EventTypePack(files: files)
        let texts = Dictionary(
            try files.map { (try EventTypeDefinition(json: $0.bytes).name, String(decoding: $0.bytes, as: UTF8.self)) },
            uniquingKeysWith: { first, _ in first })
        return pack.definitions.map {
            Administration.DefinitionFile(definition: $0, body: texts[$0.name] ?? "")
        }
    }

    private static func files(_ path: String) throws -> [(name: String, bytes: [UInt8])] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            return [(name: path, bytes: try Self.bytes(path))]
        }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw CommandError(.noInput, "cannot list '\(path)'", cause: error)
        }
        let paths = names.sorted().filter { $0.hasSuffix(".json") }.map {
            path.hasSuffix("/") ? path + $0 : "\(path)/\($0)"
        }
        guard !paths.isEmpty else {
            throw CommandError(.noInput, "'\(path)' holds no definition; each is a file that ends with .json")
        }
        return try paths.map { (name: $0, bytes: try Self.bytes($0)) }
    }

    /// The bytes of a file, and one more than a definition may have where it has more.
    private static func bytes(_ path: String) throws(CommandError) -> [UInt8] {
        let source = try ByteSource(path: path)
        var bytes: [UInt8] = []
        while bytes.count <= DefinitionLimits.maxBytes {
            let chunk = try source.read(maxBytes: DefinitionLimits.maxBytes + 1 - bytes.count, at: bytes.count)
            guard !chunk.isEmpty else { break }
            bytes += chunk
        }
        return bytes
    }
}

/// Judges events by definitions, as a collector does that has these registered and the usual limits.
struct EventTypeTrial {
    /// Why an event would be refused.
    struct Refusal: Sendable, Equatable {
        /// The event's type; `nil` for a line that is no event.
        var type: String?
        var field: String
        /// The name of a ``RejectionCode``; `malformed` for a line that is no event.
        var code: String
        var reason: String
    }

    private let validators: [String: EventTypeValidator]
    private let decoder = BatchDecoder(limits: Limits())
    private(set) var eventCount = 0
    private(set) var refusedCount = 0

    init(_ pack: EventTypePack) {
        self.validators = Dictionary(
            pack.definitions.map { ($0.name, EventTypeValidator($0)) }, uniquingKeysWith: { first, _ in first })
    }

    var definitionCount: Int { self.validators.count }

    /// Judges the event of a line.
    mutating func check(_ line: Result<Event, ImportError>) -> Refusal? {
        self.eventCount += 1
        guard let refusal = self.refusal(line) else { return nil }
        self.refusedCount += 1
        return refusal
    }

    private func refusal(_ line: Result<Event, ImportError>) -> Refusal? {
        switch line {
        case .failure(let error): return Refusal(field: "", code: "malformed", reason: error.message)
        case .success(let event):
            do throws(CodecError) {
                return try self.rejection(of: event).map {
                    Refusal(type: event.type, field: $0.field, code: $0.code.name, reason: $0.reason)
                }
            } catch {
                return Refusal(type: event.type, field: "", code: "malformed", reason: error.message)
            }
        }
    }

    /// What the collector's own way with a request makes of a batch of that event.
    private func rejection(of event: Event) throws(CodecError) -> Rejection? {
        var message = EventEncoder.publishRequestPrefix(
            tenant: "", producerID: ProducerID(high: 0, low: 0), sequence: 0)
        EventEncoder.append(event, to: &message)
        let request = try self.decoder.decode(message)
        let batch = try self.decoder.encode(
            request, key: BatchKey(tenantID: 0, producerID: request.producerID, sequence: request.sequence), batchID: 0,
            receivedAt: BatchID.receivedAt(of: 0)
        ) { event in
            guard let validator = self.validators[event.typeName] else {
                return .reject(
                    EventRefusal(
                        field: "type", code: .unknownEventType,
                        reason: "the event type '\(event.typeName.prefix(128))' is not among the definitions"))
            }
            return validator.check(event).map { .reject($0) } ?? .accept(typeID: 0)
        }
        return batch.rejections.first
    }

    /// The totals, for programs.
    var totals: String {
        var writer = JSONWriter()
        writer.beginObject()
        for (name, value) in [
            ("definition_count", self.definitionCount), ("event_count", self.eventCount),
            ("refused_count", self.refusedCount),
        ] {
            writer.key(name)
            writer.integer(value)
        }
        writer.endObject()
        return writer.text
    }

    /// A refused event, for programs.
    static func json(_ refusal: Refusal, line: Int) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("line")
        writer.integer(line)
        for (name, value) in [
            ("type", refusal.type), ("field", refusal.field), ("code", refusal.code), ("reason", refusal.reason),
        ] {
            guard let value else { continue }
            writer.key(name)
            writer.string(value)
        }
        writer.endObject()
        return writer.text
    }
}
