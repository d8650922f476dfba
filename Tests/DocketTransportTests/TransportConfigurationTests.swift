import DocketTestSupport
import NIOCore
import Testing

@testable import DocketTransport

@Suite("The limits of a connection")
struct TransportConfigurationTests {
    @Test("a message that others wait for is due at the pace of the longest one, after a grace")
    func pace() {
        var limits = ServerConnectionLimits()
        limits.maxMessageBytes = 3_000
        limits.messageTimeout = .seconds(30)
        limits.slowMessageGrace = .seconds(1)
        #expect(limits.dueBytes(after: .milliseconds(999)) < 0, "not even a message without a byte is late")
        #expect(limits.dueBytes(after: .seconds(1)) == 0)
        #expect(limits.dueBytes(after: .seconds(11)) == 1_000)
        #expect(limits.dueBytes(after: .seconds(31)) == 3_000)
    }

    @Test("the defaults hold, and a limit out of bounds is named with them")
    func validation() throws {
        var limits = ServerConnectionLimits()
        try limits.validate(budgetBytes: 256 << 20)
        limits.slowMessageGrace = .zero
        let error = #expect(throws: TransportError.self) { try limits.validate(budgetBytes: 256 << 20) }
        #expect(error?.message == "slowMessageGrace is 0.0 seconds; choose 1 ms to 1 day")
    }
}
