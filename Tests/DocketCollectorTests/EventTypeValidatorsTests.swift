import DocketRegistry
import Testing

@testable import DocketCollector

@Suite("The validators of a registry")
struct EventTypeValidatorsTests {
    private func contents(_ definitions: [Int32: String]) -> RegistryContents {
        RegistryContents(
            version: 1, tenants: [], credentials: [],
            eventTypes: [
                .init(id: 1, tenantID: nil, name: "call", definitionID: 7),
                .init(id: 2, tenantID: 3, name: "call", definitionID: 7),
                .init(id: 4, tenantID: nil, name: "free"),
                .init(id: 5, tenantID: nil, name: "broken", definitionID: 8),
            ], definitions: definitions)
    }

    @Test("types with one definition share a validator, those without have none, and one that can't be read is named")
    func shared() throws {
        let validators = EventTypeValidators(self.contents([7: #"{"name": "call", "version": 1}"#, 8: "{"]))
        let first = try #require(validators.validator(ofType: 1))
        #expect(validators.validator(ofType: 2) === first)
        #expect(validators.validator(ofType: 4) == nil && validators.validator(ofType: 5) == nil)
        #expect(Array(validators.faults.keys) == [8])
    }

    @Test("what an earlier registry had isn't compiled again, and what is gone is forgotten")
    func kept() throws {
        let definition = #"{"name": "call", "version": 1}"#
        let earlier = EventTypeValidators(self.contents([7: definition]))
        let later = EventTypeValidators(self.contents([7: definition]), earlier: earlier)
        #expect(later.validator(ofType: 1) === earlier.validator(ofType: 1))
        #expect(EventTypeValidators(self.contents([:]), earlier: later).validator(ofType: 1) == nil)
    }
}
