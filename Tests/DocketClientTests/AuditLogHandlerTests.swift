import DocketModel
import Logging
import Testing

@testable import DocketClient

@Suite("The log handler")
struct AuditLogHandlerTests {
    /// What a call with these metadata becomes.
    private func event(_ metadata: Logger.Metadata, _ message: String = "done") -> Event {
        LoggedEvent.event(metadata, message: message)
    }

    @Test("fills the event's fields by their names, and the attributes with the rest")
    func fields() {
        let event = self.event([
            "audit.type": "report.export", "audit.actor.kind": "user", "audit.actor.id": "alice",
            "audit.actor.user_id": "u-1", "audit.action": "export", "audit.resource.type": "report",
            "audit.resource.id": "7", "audit.decision": "mask", "audit.outcome": "success", "audit.policy": "p",
            "audit.scope": "billing", "audit.source": "api", "audit.session_id": "s", "audit.request_id": "r",
            "audit.agent_id": "a", "format": "pdf", "sizes": ["1", "2"], "by": ["hand": "yes"],
        ])
        #expect(event.type == "report.export")
        #expect(event.actor == Actor(kind: "user", id: "alice", userID: "u-1"))
        #expect(event.action == "export")
        #expect(event.resource == Resource(type: "report", id: "7"))
        #expect(event.decision == .mask)
        #expect(event.outcome == .success)
        #expect(event.reason == "done")
        #expect([event.policy, event.scope, event.source] == ["p", "billing", "api"])
        #expect([event.sessionID, event.requestID, event.agentID] == ["s", "r", "a"])
        #expect(event.attributes == #"{"by":{"hand":"yes"},"format":"pdf","sizes":["1","2"]}"#)
    }

    @Test("keeps among the attributes what means nothing as a field")
    func unknown() {
        let event = self.event(["audit.type": "t", "audit.decision": "perhaps", "audit.colour": "red"])
        #expect(event.decision == nil)
        #expect(event.attributes == #"{"audit.colour":"red","audit.decision":"perhaps"}"#)
        #expect(self.event(["audit.type": "t", "audit.reason": "said"]).reason == "said")
    }

    @Test("emits the chosen calls alone, and hands all of them on")
    func chosen() throws {
        let client = try AuditClient(.init(target: "127.0.0.1:1"))
        let lines = Log<String>()
        var logger = Logger(label: "test") { _ in
            AuditLogHandler(client, wrapping: KeepingLogHandler(lines: lines, logLevel: .info))
        }
        logger.info("one")
        logger.info("two", metadata: ["audit.type": "audit.event"])
        logger.debug("three", metadata: ["audit.type": "audit.event"])
        logger[metadataKey: "audit.type"] = "audit.event"
        logger.error("four")
        #expect(lines.entries == ["one", "two", "four"])
        #expect(client.statistics.enqueuedCount == 2)
    }
}
