import DocketCodec
import DocketGRPC
import DocketMessages
import DocketRegistry
import DocketStore
import Foundation
import Testing

@testable import DocketCollector

@Suite("Why a batch is refused")
struct PublishRefusalTests {
    private func details(_ refusal: PublishRefusal) throws -> [StatusDetail] {
        let message = try StatusMessage(serialized: refusal.status.details)
        #expect(message.code == Int32(refusal.code.rawValue))
        #expect(message.message == refusal.message)
        return message.details
    }

    @Test("docs/errors.md lists every reason with a code that it comes with")
    func documented() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/errors.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        for reason in PublishRefusal.Reason.allCases {
            #expect(text.contains("\n| `\(reason.rawValue)` | "), "\(reason.rawValue) is missing")
        }
    }

    @Test("a field at fault is named in BadRequest", arguments: CodecError.Code.allCases)
    func fields(code: CodecError.Code) throws {
        let expected: String? =
            switch code {
            case .invalidTenant: "tenant"
            case .producerIDLength: "producer_id"
            case .sequenceRange: "sequence"
            case .noEvents, .tooManyEvents, .invalidEvent: "events"
            case .malformed, .tooManyFields, .messageTooLarge, .expandsTooFar, .invalidRow: nil
            }
        let details = try self.details(PublishRefusal(CodecError(code: code, message: "why")))
        #expect(details.contains(.badRequest([.init(field: expected ?? "", description: "why")])) == (expected != nil))
        #expect(
            details.contains(.quotaFailure([.init(subject: "batch", description: "why")]))
                == (code == .messageTooLarge || code == .expandsTooFar))
    }

    @Test("what may pass asks to retry in both ways, and nothing else does", arguments: StoreError.Code.allCases)
    func retries(code: StoreError.Code) throws {
        let mayPass = [.overloaded, .unavailable, .shuttingDown].contains(code)
        for (given, asked) in [(nil, 250), (700, 700)] as [(Int?, Int)] {
            let refusal = PublishRefusal(StoreError(code: code, message: "why", retryAfterMilliseconds: given))
            #expect(refusal.status.retryPushbackMilliseconds == (mayPass ? asked : nil))
            let details = try self.details(refusal)
            #expect(details.contains(.retryInfo(delay: .milliseconds(asked))) == mayPass)
            #expect(
                details.contains(.quotaFailure([.init(subject: "server", description: "why")]))
                    == (code == .overloaded))
        }
    }

    @Test(
        "what a credential lacks is no fault of a field, a tenant that is not named is one",
        arguments: [
            (.scopeMissing, .permissionDenied, "SCOPE_MISSING", nil),
            (.tenantNotCovered, .permissionDenied, "TENANT_NOT_COVERED", nil),
            (.tenantAmbiguous, .invalidArgument, "TENANT_AMBIGUOUS", "tenant"),
            (.malformedToken, .unauthenticated, "TOKEN_MALFORMED", nil),
        ] as [(RegistryError.Code, GRPCCode, String, String?)])
    func credentials(code: RegistryError.Code, status: GRPCCode, reason: String, field: String?) throws {
        let refusal = PublishRefusal(RegistryError(code: code, message: "why"))
        #expect(refusal.code == status)
        let violations = field.map { [StatusDetail.badRequest([.init(field: $0, description: "why")])] } ?? []
        #expect(try self.details(refusal) == [.errorInfo(reason: reason)] + violations)
    }

    @Test("a message's own error keeps its field")
    func messages() throws {
        let named = PublishRefusal(MessageError(code: .outOfRange, field: "filter.limit", message: "too much"))
        #expect(
            try self.details(named) == [
                .errorInfo(reason: "FIELD_INVALID"),
                .badRequest([.init(field: "filter.limit", description: "filter.limit: too much")]),
            ])
        #expect(named.code == .invalidArgument)
        let whole = PublishRefusal(MessageError(code: .malformed, message: "no such message"))
        #expect(whole.code == .internal)
        #expect(try self.details(whole) == [.errorInfo(reason: "MESSAGE_MALFORMED")])
    }

    @Test("however long a message is, trailers have room for its details")
    func length() throws {
        let text = String(repeating: "é", count: 100_000)
        let refusal = PublishRefusal(MessageError(code: .outOfRange, field: "read_mask", message: text))
        #expect(refusal.status.details.count * 4 / 3 + 4 <= GRPCStatus.maxEncodedDetailsBytes)
        #expect(try StatusMessage(serialized: refusal.status.details).details.count == 2)
    }
}
