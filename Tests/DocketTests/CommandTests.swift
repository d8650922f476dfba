import ArgumentParser
import DocketModel
import DocketOperations
import DocketRuntime
import DocketTerminal
import Logging
import Testing

@testable import docket

@Suite("The table of events")
struct EventTableTests {
    private var events: [StoredEvent] {
        var event = Event(
            eventID: .new(), type: "kubernetes.audit",
            occurredAt: Timestamp(rfc3339: "2023-01-27T18:28:08.129781Z") ?? .now,
            actor: Actor(kind: "user", id: "system:serviceaccount:kube-system:generic-garbage-collector"),
            action: "create", resource: Resource(type: "pods", id: "kube-system/coredns-565d847f94-abcde"),
            decision: .allow, outcome: .success)
        event.scope = "kube-system"
        return [StoredEvent(event: event, tenant: "default", receivedAt: .now, batchID: 1, position: 0)]
    }

    @Test("never is wider than the terminal", arguments: 40...200)
    func fits(_ width: Int) {
        let table = EventTable.render(self.events, width: width, style: .plain)
        let lines = table.split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines { #expect(line.displayWidth <= width, "\(line)") }
        #expect(lines[0].hasPrefix("TIME (UTC)"))
        #expect(lines[1].hasPrefix("2023-01-27T18:28:08.129781Z  "))
    }

    @Test("shows all columns, whole, where the output is no terminal")
    func whole() {
        let table = EventTable.render(self.events, width: nil, style: .plain)
        for text in ["SCOPE", "OUTCOME", "generic-garbage-collector", "coredns-565d847f94-abcde"] {
            #expect(table.contains(text))
        }
    }

    @Test("leaves out the least important columns first, empty ones before all")
    func order() throws {
        let titles = { (width: Int, events: [StoredEvent]) in
            EventTable.render(events, width: width, style: .plain).split(separator: "\n").first.map(String.init) ?? ""
        }
        #expect(!titles(100, self.events).contains("SCOPE"))
        #expect(titles(100, self.events).contains("OUTCOME"))
        var noDecision = try #require(self.events.first)
        noDecision.event.decision = nil
        #expect(titles(100, [noDecision]).contains("SCOPE"))
        #expect(!titles(100, [noDecision]).contains("DECISION"))
    }
}

@Suite("The arguments of bench")
struct BenchArgumentsTests {
    @Test(
        "bound --seconds by the rate",
        arguments: [
            (["--seconds", "10"], false), (["--rate", "1000", "--seconds", "10"], true),
            (["--rate", "1000", "--seconds", "0"], false), (["--rate", "10000000", "--seconds", "10"], true),
            (["--rate", "10000000", "--seconds", "11"], false),
            (["--rate", "1000", "--seconds", "9223372036854775807"], false),
        ])
    func seconds(_ arguments: [String], _ isValid: Bool) {
        if isValid {
            #expect(throws: Never.self) { try CollectorBenchCommand.parse(arguments) }
        } else {
            #expect(throws: (any Error).self) { try CollectorBenchCommand.parse(arguments) }
        }
    }
}

@Suite("The arguments of query")
struct QueryArgumentsTests {
    @Test("become the filter's conditions, each its own")
    func filter() throws {
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let command = try QueryCommand.parse([
            "--request", "r-1", "--agent", "a-1", "--trace", trace, "--session", "s-1",
        ])
        var filter = EventFilter()
        filter.requestID = "r-1"
        filter.agentID = "a-1"
        filter.traceID = TraceID(trace)
        filter.sessionID = "s-1"
        #expect(command.selection.filter == filter)
        #expect(filter.traceID != nil)
        #expect(try QueryCommand.parse([]).selection.filter == EventFilter())
    }

    @Test("find types by their beginning, and values in the attributes by JSON Pointers")
    func wide() throws {
        let command = try QueryCommand.parse([
            "--type", "authz.*", "--outcome", "error", "--policy", "p", "--source", "s", "--min-risk", "0.5", "--text",
            "t",
            "--attribute", "/request/verb=a=b", "--attribute", "/x=",
        ])
        var filter = EventFilter()
        filter.typePrefix = "authz."
        filter.outcome = .error
        filter.policy = "p"
        filter.source = "s"
        filter.minRiskScore = 0.5
        filter.text = "t"
        filter.attributes = [("/request/verb", "a=b"), ("/x", "")].compactMap { pointer, value in
            JSONPointer(pointer).map { AttributeCondition(pointer: $0, value: value) }
        }
        #expect(filter.attributes.count == 2)
        #expect(command.selection.filter == filter)
    }

    @Test(
        "say what is wrong with them",
        arguments: [
            ["--min-risk", "nan"], ["--text", ""], ["--text", String(repeating: "t", count: 1025)],
            ["--attribute", "verb=delete"], ["--attribute", "/verb"], ["--outcome", "maybe"],
            [[String]](repeating: ["--attribute", "/a=b"], count: 17).flatMap { $0 },
        ])
    func refused(_ arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try QueryCommand.parse(arguments) }
        #expect(error.map { QueryCommand.message(for: $0).contains(arguments[0]) } == true)
    }

    @Test(
        "name a trace by 32 hexadecimal digits and nothing else",
        arguments: [
            "", "0af7651916cd43dd8448eb211c80319", "0af7651916cd43dd8448eb211c80319g",
            "0af76519-16cd-43dd-8448-eb211c80319c", "0af7651916cd43dd8448eb211c80319c0",
        ])
    func trace(_ text: String) {
        let error = #expect(throws: (any Error).self) { try QueryCommand.parse(["--trace", text]) }
        #expect(error.map { QueryCommand.message(for: $0).contains("--trace is '\(text)'") } == true)
    }
}

@Suite("A collector's flags")
struct CollectorOptionsTests {
    @Test("win over a command's own defaults, which fill in what nothing names")
    func defaults() async throws {
        let defaults = ["log.level": "warning", "log.format": "text"]
        let bare = try await CollectorOptions.parse([]).settings(defaults: defaults)
        #expect(bare.logLevel == .warning)
        #expect(bare.logFormat == .text)
        let flagged = try await CollectorOptions.parse(["--log-level", "debug"]).settings(defaults: defaults)
        #expect(flagged.logLevel == .debug)
        #expect(flagged.logFormat == .text)
    }

    @Test("and the configuration file does too")
    func file() async throws {
        let scratch = try Scratch()
        let path = try scratch.file("docket.yaml", "log:\n  level: error\n  format: json\n".utf8)
        let settings = try await CollectorOptions.parse(["--config", path])
            .settings(defaults: ["log.level": "warning", "log.format": "text"])
        #expect(settings.logLevel == .error)
        #expect(settings.logFormat == .json)
    }
}

@Suite("A collector that is set up wrong")
struct CollectorStartTests {
    @Test(
        "ends before it asks the database, with the code for that",
        arguments: [
            ["jwt.jwks_file": "/nonexistent/keys.json", "jwt.issuer": "https://login.acme", "jwt.audience": "docket"],
            [
                "tls.certificate_file": "/nonexistent/own.pem", "tls.key_file": "/nonexistent/own.key",
                "tls.client_ca_file": "/nonexistent/clients.pem",
            ],
            ["tls.certificate_file": "/nonexistent/own.pem", "tls.key_file": "/nonexistent/own.key"],
        ])
    func files(_ names: [String: String]) async throws {
        let away = "host=/nonexistent dbname=docket"
        let settings = try await CollectorOptions.parse([]).settings(
            defaults: names.merging(["postgres.writer": away, "postgres.reader": away]) { $1 })
        let runtime = CollectorRuntime(
            settings: settings, metrics: PrometheusRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let thrown = try await #require(throws: (any Error).self) { try await runtime.run(onReady: { _ in }) }
        let error = try #require(CommandError(thrown: thrown))
        #expect(error.exitCode == .configuration)
        let file = names["tls.client_ca_file"] ?? names["tls.certificate_file"] ?? "/nonexistent/keys.json"
        #expect(error.message.contains(file), "\(error.message)")
    }
}
