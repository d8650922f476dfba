import DocketModel
import Testing

@Suite("Limits")
struct LimitsTests {
    @Test("the defaults are those that the documentation names, and valid")
    func defaults() throws {
        let limits = Limits()
        try limits.validate()
        #expect(limits.maxIndexedFieldBytes == 512)
        #expect(limits.maxReasonBytes == 8192)
        #expect(limits.maxAttributesBytes == 65_536)
        #expect(limits.maxAttributesDepth == 32)
        #expect(limits.maxDelegationActors == 16)
        #expect(limits.maxTypeBytes == 128)
        #expect(limits.maxBatchBytes == 4_194_304)
        #expect(limits.maxBatchEvents == 10_000)
    }

    @Test("each limit is valid at both ends of its bounds and refused one beyond, with an error that names it")
    func bounds() throws {
        for bound in Limits.bounds {
            for value in [bound.range.lowerBound, bound.range.upperBound] {
                var limits = Limits()
                limits[keyPath: bound.path] = value
                try limits.validate()
            }
            for value in [bound.range.lowerBound - 1, bound.range.upperBound + 1, Int.min, Int.max] {
                var limits = Limits()
                limits[keyPath: bound.path] = value
                let error = #expect(throws: ModelError.self) { try limits.validate() }
                #expect(error?.code == .limitOutOfBounds)
                #expect(error?.message.contains(bound.name) == true)
                #expect(error?.message.contains("\(value)") == true)
                #expect(error?.message.contains("\(bound.range.upperBound)") == true)
            }
        }
    }

    @Test("every limit has bounds, each under its own name and path")
    func complete() {
        let properties = Mirror(reflecting: Limits()).children.count
        #expect(Limits.bounds.count == properties)
        #expect(Set(Limits.bounds.map(\.name)).count == properties)
        #expect(Set(Limits.bounds.map { $0.path as AnyKeyPath }).count == properties)
    }

    @Test("no bound lets an indexed text grow past what a btree entry holds")
    func btree() {
        let bound = Limits.bounds.first { $0.name == "max_indexed_field_bytes" }
        #expect((bound?.range.upperBound ?? .max) < 2704)
    }
}
