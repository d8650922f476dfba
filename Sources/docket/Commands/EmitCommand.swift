import ArgumentParser
import DocketClient
import DocketModel
import Foundation
import Synchronization

struct EmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emit",
        abstract: "Writes events: one from flags, or one a line from standard input.",
        discussion: """
            Examples:
              docket emit --type audit.event --actor alice --action delete --resource-type document --resource 42
              docket emit --type authz.decision --actor alice --decision deny --reason 'not an owner' \\
                  --attributes '{"tool":"shell"}'
              docket query --json | docket emit --stdin

            With --stdin each line is a JSON object as docs/json.md describes; an event_id is made where it is \
            missing. Ends with 0 only when every event is stored.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption

    @Flag(help: "Read JSON lines from standard input instead of flags.")
    var stdin = false

    @Option(help: "The registered event type.")
    var type: String?

    @Option(help: "The actor's id.")
    var actor: String?

    @Option(help: "What sort of actor: user, service, agent, …")
    var actorKind: String?

    @Option(help: "What was done.")
    var action: String?

    @Option(help: "What sort of resource.")
    var resourceType: String?

    @Option(help: "The resource's id.")
    var resource: String?

    @Option(help: "How it was decided: \(Decision.allValueStrings.joined(separator: ", ")).")
    var decision: Decision?

    @Option(help: "How it ended: \(Outcome.allValueStrings.joined(separator: ", ")).")
    var outcome: Outcome?

    @Option(help: "Why.")
    var reason: String?

    @Option(help: "The division inside the tenant.")
    var scope: String?

    @Option(help: "The session.")
    var session: String?

    @Option(help: ArgumentHelp("Everything else: a JSON object.", valueName: "json"))
    var attributes: String?

    func validate() throws {
        guard self.stdin || self.type != nil else {
            throw ValidationError("an event needs --type; or read events from standard input with --stdin")
        }
    }

    func run() async throws {
        let profile = try self.connection.resolve()
        let rejections = Mutex<[Rejection]>([])
        var configuration = try profile.clientConfiguration()
        configuration.maxAttempts = 5
        configuration.onRejection = { rejection in rejections.withLock { $0.append(rejection) } }
        let client = try Self.client(configuration)
        let (count, broken) = self.stdin ? try await self.emitLines(to: client) : (1, self.emitOne(to: client))
        do {
            try await client.flush()
        } catch {
            throw CommandError(error)
        }
        await client.shutdown()
        let rejected = rejections.withLock { $0 }
        for rejection in rejected.prefix(20) {
            Console.error("rejected: \(rejection.field): \(rejection.reason)")
        }
        Console.error("\(count - rejected.count) stored, \(rejected.count) rejected, \(broken) unreadable")
        guard rejected.isEmpty, broken == 0 else {
            throw CommandError(.dataError, "not every event is stored; the lines above say why")
        }
    }

    static func client(_ configuration: AuditClient.Configuration) throws -> AuditClient {
        do {
            return try AuditClient(configuration)
        } catch {
            throw CommandError(error)
        }
    }

    private func emitOne(to client: AuditClient) -> Int {
        var event = Event(
            eventID: .new(), type: self.type ?? "", occurredAt: .now, action: self.action, decision: self.decision,
            outcome: self.outcome, attributes: self.attributes)
        if self.actor != nil || self.actorKind != nil { event.actor = Actor(kind: self.actorKind, id: self.actor) }
        if self.resource != nil || self.resourceType != nil {
            event.resource = Resource(type: self.resourceType, id: self.resource)
        }
        event.reason = self.reason
        event.scope = self.scope
        event.sessionID = self.session
        client.emit(event)
        return 0
    }

    /// How many lines were read as events, and how many could not be.
    private func emitLines(to client: AuditClient) async throws -> (Int, Int) {
        var (count, broken, number) = (0, 0, 0)
        while let line = readLine() {
            number += 1
            guard !line.isEmpty else { continue }
            do {
                client.emit(try Event(json: Array(line.utf8), eventIDIfAbsent: .new()))
                count += 1
            } catch {
                broken += 1
                Console.error("line \(number): \(error)")
            }
            // The queue is bounded: a fast pipe waits here instead of losing events.
            if count % 10_000 == 0 {
                do { try await client.flush() } catch { throw CommandError(error) }
            }
        }
        return (count, broken)
    }
}
