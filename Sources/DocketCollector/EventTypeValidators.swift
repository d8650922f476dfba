import DocketEventTypes
package import DocketRegistry

/// What judges the events of each type, for one snapshot of the registry. Types with the same definition share a validator, also
/// from one snapshot to the next.
package struct EventTypeValidators: Sendable {
    /// By the key of the type.
    private let byType: [Int32: EventTypeValidator]
    /// By the key of the definition, which stands for one content for good.
    private let byDefinition: [Int32: EventTypeValidator]
    /// The definitions that can't be read, by their keys: written by a later version, or by hand.
    let faults: [Int32: String]

    /// None.
    package static let none = EventTypeValidators(byType: [:], byDefinition: [:], faults: [:])

    private init(
        byType: [Int32: EventTypeValidator], byDefinition: [Int32: EventTypeValidator], faults: [Int32: String]
    ) {
        self.byType = byType
        self.byDefinition = byDefinition
        self.faults = faults
    }

    /// Compiles the definitions that earlier ones hadn't.
    package init(_ contents: RegistryContents, earlier: EventTypeValidators = .none) {
        var byDefinition: [Int32: EventTypeValidator] = [:]
        var faults: [Int32: String] = [:]
        for (id, body) in contents.definitions {
            if let known = earlier.byDefinition[id] {
                byDefinition[id] = known
                continue
            }
            do throws(EventTypeError) {
                byDefinition[id] = EventTypeValidator(try EventTypeDefinition(json: Array(body.utf8)))
            } catch {
                faults[id] = error.message
            }
        }
        var byType: [Int32: EventTypeValidator] = [:]
        for type in contents.eventTypes {
            guard let definitionID = type.definitionID else { continue }
            byType[type.id] = byDefinition[definitionID]
        }
        self.init(byType: byType, byDefinition: byDefinition, faults: faults)
    }

    /// What judges events of that type; `nil` when nothing is asked of them.
    func validator(ofType id: Int32) -> EventTypeValidator? { self.byType[id] }
}
