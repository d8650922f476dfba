public import DocketModel

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

extension Event {
    /// Adds attributes to those that the event has; of two with one name the later counts. At most 64 KiB of JSON, 32
    /// levels deep, as configured at the collector.
    ///
    /// ```swift
    /// Event("http.request").attributes(["method": "GET", "bytes": body.count])
    /// ```
    public consuming func attributes(_ members: AttributeObject) -> Event {
        self.add(attributes: AttributeWriter.text(ofObject: members.writeMembers))
        return consume self
    }

    /// Adds the properties of a value to the attributes that the event has, as `JSONEncoder` writes them, dates in
    /// RFC 3339. For values that are there already: it costs some microseconds; an ``AuditEventType`` costs far less.
    ///
    /// - Throws: ``EventsError`` when the value can't be encoded, or doesn't become a JSON object.
    public consuming func attributes<Value: Encodable>(encoding value: Value) throws(EventsError) -> Event {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        let text: String
        do {
            text = String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw EventsError(
                code: .notEncodable, message: "a \(Value.self) can't be encoded as JSON: \(error)", cause: error)
        }
        guard text.utf8.first == UInt8(ascii: "{") else {
            throw EventsError(
                code: .notAnObject,
                message: "a \(Value.self) becomes \(text.prefix(40)); attributes are a JSON object: encode a "
                    + "structure or a dictionary with texts as keys")
        }
        self.add(attributes: text)
        return consume self
    }

    /// Adds the members of an object, the text of which has nothing outside its braces.
    mutating func add(attributes object: String) {
        guard let present = self.attributes, Self.hasMembers(present) else {
            self.attributes = object
            return
        }
        guard Self.hasMembers(object), let end = present.utf8.lastIndex(of: UInt8(ascii: "}")) else { return }
        self.attributes = "\(present[..<end]),\(object.dropFirst())"
    }

    /// Whether the text of an object has anything between its braces.
    private static func hasMembers(_ object: String) -> Bool {
        object.utf8.contains(UInt8(ascii: "\""))
    }
}
