import Testing

@testable import DocketAuthentication

@Suite("Values that are kept as long as they are asked for")
struct RecentValuesTests {
    @Test("never outgrow their bound, and lose what nobody asks for")
    func bound() {
        var values = RecentValues<Int, Int>(maxCount: 100)
        values.insert(-1, for: -1)
        values.insert(-2, for: -2)
        for key in 0..<1000 {
            values.insert(key, for: key)
            let (kept, count) = (values.value(for: -1), values.count)
            #expect(kept == -1 && count <= 100)
        }
        let (lost, newest) = (values.value(for: -2), values.value(for: 999))
        #expect(lost == nil && newest == 999)
    }
}
