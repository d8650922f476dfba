import Testing

@testable import DocketCollector

@Suite("How an export stands back")
struct ExportPaceTests {
    @Test("not at all while little waits to be stored")
    func quiet() {
        #expect(ExportPace.rest(after: .seconds(5), heldBytes: 0) == .zero)
        #expect(ExportPace.rest(after: .seconds(5), heldBytes: ExportPace.busyBytes - 1) == .zero)
    }

    @Test("for four times as long as a page has taken while much waits, and never for long")
    func busy() {
        #expect(ExportPace.rest(after: .milliseconds(50), heldBytes: ExportPace.busyBytes) == .milliseconds(200))
        #expect(ExportPace.rest(after: .seconds(5), heldBytes: .max) == .seconds(2))
    }
}
