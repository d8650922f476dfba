import DocketGRPC
import DocketMessages
import Testing

@testable import DocketClient

@Suite("What a status means for a batch")
struct PublishStatusTests {
    private func exhausted(retryAfter delay: Duration? = nil, pushback: Int? = nil) -> GRPCStatus {
        let details = delay.map {
            StatusMessage(code: 8, message: "", details: [.errorInfo(reason: "X"), .retryInfo(delay: $0)]).serialized()
        }
        return GRPCStatus(.resourceExhausted, "full", details: details ?? [], retryPushbackMilliseconds: pushback)
    }

    @Test("a peer's words make no lines of the log, however long they are")
    func words() {
        let error = ClientError(
            status: GRPCStatus(.unavailable, "x\n2026 forged\u{1B}[2J\u{2028}" + String(repeating: "y", count: 5000)))
        #expect(error.message.contains("x\u{FFFD}2026 forged\u{FFFD}[2J\u{FFFD}yyy"))
        #expect(error.message.count < 1100)
        #expect(error.message.hasSuffix("y…"))
    }

    @Test("RESOURCE_EXHAUSTED with a time to try again is an overload; without one it is a limit")
    func resourceExhausted() {
        for status in [self.exhausted(retryAfter: .milliseconds(250)), self.exhausted(pushback: 250)] {
            #expect(ClientError(status: status).code == .unavailable)
            #expect(status.retryDelayMilliseconds == 250)
            #expect(!status.isPermanent)
            #expect(!status.blamesBatch)
        }
        for status in [self.exhausted(), self.exhausted(pushback: -1)] {
            #expect(ClientError(status: status).code == .tooLarge)
            #expect(status.retryDelayMilliseconds == nil)
            #expect(status.isPermanent)
            #expect(status.blamesBatch)
        }
    }

    @Test("the pause that a collector asks for is taken for an hour at the most, and never for less than nothing")
    func bounds() {
        #expect(self.exhausted(retryAfter: .seconds(1 << 40)).retryDelayMilliseconds == 3_600_000)
        #expect(self.exhausted(pushback: .max).retryDelayMilliseconds == 3_600_000)
        #expect(self.exhausted(retryAfter: .milliseconds(-5)).retryDelayMilliseconds == 0)
    }

    @Test("a fault of the credential is permanent and no batch's; a fault of the network is neither")
    func others() {
        for code in [.unauthenticated, .permissionDenied, .unimplemented] as [GRPCCode] {
            #expect(GRPCStatus(code).isPermanent)
            #expect(!GRPCStatus(code).blamesBatch)
        }
        for code in [.unavailable, .aborted, .cancelled, .deadlineExceeded, .internal, .unknown] as [GRPCCode] {
            #expect(!GRPCStatus(code).isPermanent)
            #expect(!GRPCStatus(code).blamesBatch)
        }
        #expect(GRPCStatus(.invalidArgument).blamesBatch)
        #expect(!GRPCStatus.ok.isPermanent)
    }
}
