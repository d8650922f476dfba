import DocketTestSupport
import Testing

@testable import DocketTransport

@Suite("A stream's inbound window")
struct InboundWindowTests {
    @Test("bytes without a grant are held, and given back at the grant")
    func heldUntilGrant() {
        var window = InboundWindow()
        #expect(window.received(50) == 0)
        #expect(window.granted(50) == .init(consumeBytes: 50, raiseToBytes: 0))
    }

    @Test("a grant opens the window for exactly the rest of the message, whose bytes are given back as they come")
    func restOfMessage() {
        var window = InboundWindow()
        #expect(window.received(10) == 0)
        #expect(window.granted(1_000) == .init(consumeBytes: 10, raiseToBytes: 990))
        #expect(window.received(400) == 400 && window.missingBytes == 590)
        #expect(window.received(590) == 590 && window.missingBytes == 0)
        #expect(window.received(7) == 0, "the next message has no grant yet")
    }

    @Test("a read that ends one message and begins the next gives back the first part only")
    func acrossMessages() {
        var window = InboundWindow()
        #expect(window.received(5) == 0)
        #expect(window.granted(100).raiseToBytes == 95)
        #expect(window.received(120) == 95)
        #expect(window.granted(25) == .init(consumeBytes: 25, raiseToBytes: 0))
        #expect(window.received(1) == 0)
    }

    @Test("whatever the order, no more is given back than was granted, and in the end all of it")
    func random() {
        var random = SeededGenerator.ofRun("InboundWindowTests.random")
        for _ in 0..<200 {
            var window = InboundWindow()
            var (received, granted, consumed) = (0, 0, 0)
            for _ in 0..<100 {
                if Bool.random(using: &random) {
                    let bytes = Int.random(in: 1...100, using: &random)
                    received += bytes
                    consumed += window.received(bytes)
                } else {
                    let bytes = Int.random(in: 5...200, using: &random)
                    granted += bytes
                    let credit = window.granted(bytes)
                    consumed += credit.consumeBytes
                    #expect(credit.raiseToBytes == max(0, granted - received))
                }
                #expect(consumed == min(received, granted))
            }
        }
    }
}
