import DocketCodec
import DocketModel
import Foundation

/// JSON text: what checks attributes on the hot path, what reads the projection, and Foundation must agree.
enum JSONTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let flags = input.byte()
        let maxDepth = flags & 1 == 0 ? 32 : Int(flags >> 1 & 7)
        let bytes = input.remaining()
        try self.projections(bytes)
        guard String(validating: bytes, as: UTF8.self) != nil else {
            return try require(Self.value(bytes, maxDepth) == nil, "invalid UTF-8 passes for JSON")
        }
        let value = Self.value(bytes, maxDepth)
        let (kind, fault) = Self.scan(bytes, maxDepth)
        if let value { try self.walk(value) }
        // Numbers that PostgreSQL can't hold are refused in attributes only.
        guard fault != .numberRange else { return }
        try requireEqual(kind.map { "\($0)" }, value.map { Self.name(of: $0.kind) }, "the kind of value")
        if kind != nil { try self.compareWithFoundation(bytes) }
    }

    private static func value(_ bytes: [UInt8], _ maxDepth: Int) -> JSONValue? {
        try? JSONValue(parsing: bytes, maxDepth: maxDepth)
    }

    private static func scan(_ bytes: [UInt8], _ maxDepth: Int) -> (JSONKind?, JSONFault.Code?) {
        do throws(JSONFault) {
            return (try JSONScanner.scan(bytes.span, maxDepth: maxDepth), nil)
        } catch {
            return (nil, error.code)
        }
    }

    private static func name(of kind: JSONValue.Kind) -> String {
        switch kind {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// What is taken, Foundation takes. (It takes more, such as trailing commas.) It guesses other encodings from zero
    /// bytes, has a depth of its own, and refuses numbers beyond those of 64 bits.
    private static func compareWithFoundation(_ bytes: [UInt8]) throws(FuzzFinding) {
        let mayOverflow = bytes.contains(UInt8(ascii: "e")) || bytes.contains(UInt8(ascii: "E")) || bytes.count > 300
        guard !mayOverflow else { return }
        let value = try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
        try require(value != nil, "Foundation doesn't take what Docket takes")
    }

    /// Looks at every value inside; what is read of it can be written again.
    private static func walk(_ value: JSONValue) throws(FuzzFinding) {
        switch value.kind {
        case .string:
            let string = value.string ?? ""
            var writer = JSONWriter()
            writer.string(string)
            let again = Self.value(writer.bytes, 0)?.string
            try requireEqual(again.map { Array($0.utf8) }, Array(string.utf8), "a string that was written again")
        case .number:
            if let integer = value.integer {
                try require(value.double == Double(integer), "\(value.text) reads as \(integer)")
            }
        case .array:
            for element in value.elements ?? [] { try self.walk(element) }
        case .object:
            guard let object = try? value.object() else { return }
            for name in object.names {
                guard let member = object[name] else { throw FuzzFinding(message: "the member \(name) is lost") }
                try self.walk(member)
            }
        case .null, .bool:
            break
        }
    }

    // MARK: Projections

    /// An event that is read is written and read again; one that passes the importer's check passes the collector's.
    private static func projections(_ bytes: [UInt8]) throws(FuzzFinding) {
        if let event = try? Event(json: bytes, eventIDIfAbsent: EventID(high: 1, low: 2)) {
            let again = try requireNoError("an event's projection") { () throws(ModelError) in
                try Event(json: Array(event.json.utf8))
            }
            try requireEqual(again.json, event.json, "the projection of a projection")
            try self.checkAcceptance(event)
        }
        if let stored = try? StoredEvent(json: bytes) {
            let again = try requireNoError("a stored event's projection") { () throws(ModelError) in
                try StoredEvent(json: Array(stored.json.utf8))
            }
            try requireEqual(again.json, stored.json, "the projection of a stored event's projection")
            try self.exports(stored)
        }
        if let manifest = try? ExportManifest(json: bytes) {
            let again = try requireNoError("a manifest that was written") { () throws(ModelError) in
                try ExportManifest(json: Array(manifest.json.utf8))
            }
            try requireEqual(again.json, manifest.json, "a manifest that was written again")
        }
    }

    /// Every export of JSON is one line of an object without two members of one name.
    private static func exports(_ stored: StoredEvent) throws(FuzzFinding) {
        for format in ExportFormat.allCases {
            var writer = ExportWriter(format, formulaSafe: true)
            var record: [UInt8] = []
            writer.append(stored, to: &record)
            guard format != .csv else { continue }
            try requireEqual(record.firstIndex(of: UInt8(ascii: "\n")), record.count - 1, "the end of the line")
            _ = try requireNoError("an export as \(format)") { () throws(ModelError) in
                try JSONValue(parsing: record).object()
            }
        }
    }

    /// The collector takes just what ``Event/check(_:)`` lets pass, but for the form of the type's name, which is the
    /// registry's to judge.
    static func checkAcceptance(_ event: Event) throws(FuzzFinding) {
        let fault: ModelError?
        do throws(ModelError) {
            try event.check(Limits())
            fault = nil
        } catch {
            fault = error
        }
        if let fault, fault.message.hasPrefix("type ") { return }
        do throws(EventOracle.Fault) {
            let batch = try EventOracle(limits: Limits()).check(EventsTarget.request([encodeEvent(event)]))
            let verdicts = "the importer says \(String(describing: fault)), the collector \(batch.rejections)"
            guard batch.rejections.isEmpty == (fault == nil) else {
                throw EventOracle.Fault.finding(FuzzFinding(message: verdicts))
            }
        } catch {
            switch error {
            case .finding(let finding): throw finding
            case .refused(let refusal): throw FuzzFinding(message: "an event makes its request faulty: \(refusal)")
            }
        }
    }
}
