package import DocketCodec
import DocketModel

/// A definition, compiled to decide on events: immutable, shared by all event loops without a lock, some hundred bytes.
///
/// It looks at an event that has passed the codec's checks, in place. Nothing is allocated for an event that is in order, and
/// nothing is built: the attributes are walked once, byte by byte. The time is bounded by the length of the attributes, times
/// the depth of the definition's schemas where a member repeats or a fault is found, whatever an event holds.
package final class EventTypeValidator: Sendable {
    /// The type's name.
    package let name: String
    /// The definition's version.
    package let version: Int32
    /// What an event must have.
    private let requiredColumns: [EventColumn]
    /// A bit for the raw value of each allowed decision and outcome; bit 0 is for none.
    private let decisions: UInt8
    private let outcomes: UInt8
    let schema: CompiledSchema

    package init(_ definition: EventTypeDefinition) {
        self.name = definition.name
        self.version = definition.version
        self.requiredColumns = definition.requiredFields.map(\.column)
        self.decisions = definition.decisions?.reduce(1) { $0 | 1 << UInt8($1.rawValue) } ?? .max
        self.outcomes = definition.outcomes?.reduce(1) { $0 | 1 << UInt8($1.rawValue) } ?? .max
        self.schema = SchemaCompiler.compile(definition.attributes)
    }

    /// What the validator takes in memory, nearly, in bytes.
    package var sizeBytes: Int {
        // The header of the object, and of the name's characters where they don't fit into the string itself.
        16 + MemoryLayout<String>.size + (self.name.utf8.count > 15 ? 32 + self.name.utf8.count : 0) + 16
            + (self.requiredColumns.isEmpty ? 0 : 32 + self.requiredColumns.count) + self.schema.sizeBytes
    }

    /// Decides on an event: the fields that it must have, then its attributes.
    ///
    /// - Returns: the first fault; `nil` when the event is in order.
    package func check(_ event: borrowing EventView) -> EventRefusal? {
        for index in self.requiredColumns.indices where !event.has(self.requiredColumns[index]) {
            return self.missing(self.requiredColumns[index])
        }
        if let decision = event.decision, self.decisions & 1 << UInt8(truncatingIfNeeded: decision.rawValue) == 0 {
            return self.notAllowed("decision", decision.name, Decision.allCases.filter(self.allows).map(\.name))
        }
        if let outcome = event.outcome, self.outcomes & 1 << UInt8(truncatingIfNeeded: outcome.rawValue) == 0 {
            return self.notAllowed("outcome", outcome.name, Outcome.allCases.filter(self.allows).map(\.name))
        }
        guard let refusal = event.withAttributesBytes({ self.check(attributes: $0) }) else {
            return self.checkAbsentAttributes()
        }
        return refusal
    }

    /// Decides on attributes: the text of a JSON object that the codec has checked. Absent ones count as `{}`.
    ///
    /// - Returns: the first fault, with `attributes` and a JSON pointer behind it as the field; `nil` when there is none.
    package func check(attributes text: Span<UInt8>) -> EventRefusal? {
        guard let fault = self.fault(in: text) else { return nil }
        return self.refusal(for: fault, in: text)
    }

    /// The first fault of attributes.
    func fault(in text: Span<UInt8>) -> AttributeFault? {
        guard var fault = self.pass(text, isExact: false) else { return nil }
        // Of members with one name only the last counts, so a fault in an earlier one is none. Only where there is a fault
        // is it worth while to look for later ones.
        guard fault.rule != .malformed else { return fault }
        guard let exact = self.pass(text, isExact: true) else { return nil }
        fault = exact
        return fault
    }

    private func pass(_ text: Span<UInt8>, isExact: Bool) -> AttributeFault? {
        var pass = AttributePass(isExact: isExact)
        pass.cursor.skipSpace(text)
        return pass.value(self.schema.root, self.schema, text)
    }

    private func checkAbsentAttributes() -> EventRefusal? {
        let empty: [UInt8] = [UInt8(ascii: "{"), UInt8(ascii: "}")]
        return self.schema.nodes[Int(self.schema.root)].requiredCount > 0 ? self.check(attributes: empty.span) : nil
    }

    private func allows(_ decision: Decision) -> Bool { self.decisions & 1 << UInt8(decision.rawValue) != 0 }

    private func allows(_ outcome: Outcome) -> Bool { self.outcomes & 1 << UInt8(outcome.rawValue) != 0 }
}
