import ArgumentParser
import DocketClient
import DocketCodec
import DocketImport
import DocketModel
import DocketTerminal
import Foundation
import Synchronization

struct EmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emit",
        abstract: "Writes events: one from flags, or one a line from standard input.",
        discussion: """
            Examples:
              docket emit --type audit.event --actor alice --action login
              docket emit --type authz.decision --actor alice --decision deny \\
                  --reason 'not an owner' --attributes '{"tool":"shell"}'
              docket query --json | docket emit --stdin

            With --stdin each line is a JSON object as docs/json.md describes; an event_id is made where it is \
            missing. Ends with 0 only when every event is stored, with 65 when one was rejected, \
            too large or unreadable.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption

    @Flag(help: "Read JSON lines from standard input instead of flags.")
    var stdin = false

    @Option(help: "The registered event type.")
    var type: String?

    @Option(help: ArgumentHelp("The actor's id.", valueName: "id"))
    var actor: String?

    @Option(help: ArgumentHelp("What sort of actor: user, service, agent, …", valueName: "kind"))
    var actorKind: String?

    @Option(help: "What was done.")
    var action: String?

    @Option(help: ArgumentHelp("What sort of resource.", valueName: "type"))
    var resourceType: String?

    @Option(help: ArgumentHelp("The resource's id.", valueName: "id"))
    var resource: String?

    @Option(help: "How it was decided.")
    var decision: Decision?

    @Option(help: "How it ended.")
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
        var totals = EmitTotals()
        var failure: (any Error)?
        do {
            if self.stdin {
                try await self.emitLines(to: client, configuration, &totals)
            } else {
                client.emit(self.event)
                totals.emitted = 1
            }
            try await Self.flush(client)
        } catch {
            failure = error
        }
        await client.shutdown(timeout: failure == nil ? .seconds(10) : .zero)
        let rejected = rejections.withLock { $0 }
        for rejection in rejected.prefix(20) {
            Console.error(TerminalText.escaped("rejected: \(rejection.field): \(rejection.reason)"))
        }
        // How many of the others are stored isn't known after a failure.
        if let failure { throw failure }
        totals.rejected = rejected.count
        totals.dropped = client.droppedCount
        Console.error(totals.line)
        guard totals.isComplete else {
            throw CommandError(.dataError, "not every event is stored; the lines above say why")
        }
    }

    private static func flush(_ client: AuditClient) async throws {
        do throws(ClientError) {
            try await client.flush()
        } catch {
            try Task.checkCancellation()
            throw CommandError(error)
        }
    }

    static func client(_ configuration: AuditClient.Configuration) throws -> AuditClient {
        do {
            return try AuditClient(configuration)
        } catch {
            throw CommandError(error)
        }
    }

    /// The event of the flags.
    private var event: Event {
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
        return event
    }

    private func emitLines(
        to client: AuditClient, _ configuration: AuditClient.Configuration, _ totals: inout EmitTotals
    ) async throws {
        var lines = EventLines(ByteSource(descriptor: STDIN_FILENO, name: "standard input"))
        var unflushedBytes = 0
        while let line = try lines.next() {
            switch line {
            case .failure(let error):
                totals.unreadable += 1
                Console.error(TerminalText.escaped(error.description))
            case .success(let event):
                // The queue is bounded: a fast pipe waits here instead of losing events.
                let bytes = EventEncoder.sizeBytes(of: event)
                if unflushedBytes + bytes > configuration.maxQueueBytes / 4 {
                    try await Self.flush(client)
                    unflushedBytes = 0
                }
                unflushedBytes += bytes
                client.emit(event)
                totals.emitted += 1
            }
        }
    }
}

/// What became of the events of one command.
struct EmitTotals: Equatable {
    /// Handed to the client.
    var emitted = 0
    /// In quarantine: the collector rejected them.
    var rejected = 0
    /// Never sent, or given up by the client.
    var dropped = 0
    /// Not read as events.
    var unreadable = 0

    /// Whether every event is stored.
    var isComplete: Bool { self.rejected == 0 && self.dropped == 0 && self.unreadable == 0 }

    /// The totals in one line.
    var line: String {
        let stored = max(0, self.emitted - self.rejected - self.dropped)
        let line =
            "\(grouped(stored)) stored, \(grouped(self.rejected)) rejected, \(grouped(self.unreadable)) unreadable"
        return self.dropped == 0 ? line : line + ", \(grouped(self.dropped)) dropped (larger than a batch may be)"
    }
}
