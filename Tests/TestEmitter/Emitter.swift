import DocketClient
import Foundation
import Synchronization

/// A line of standard input after the first.
struct Command: Decodable, Sendable {
    /// What the reply is known by.
    var id: Int
    /// `emit`, `emitDurably`, `emitAndWait`, `stats`, `flush` or `shutdown`.
    var act: String
    /// The number of the first event, and how many.
    var from: UInt64?
    var count: UInt64?
    /// How long each event's reason is.
    var reasonBytes: Int?
    /// How many wait at the same time.
    var concurrency: Int?
    /// The type of the events; `audit.event` unless told otherwise.
    var type: String?
    var timeoutMs: Int?
}

/// A line of standard output.
struct Reply: Encodable, Sendable {
    var id: Int
    /// The numbers of the events of which the promise was given.
    var kept: [UInt64] = []
    /// The numbers of the others, by the code of the error.
    var failed: [String: [UInt64]] = [:]
    /// The code of the error that the command ended with.
    var error: String?
    var stats: [String: Int] = [:]
    var dropped: [String: Int] = [:]

    init(id: Int, error: String? = nil) {
        self.id = id
        self.error = error
    }

    private static let output = Mutex(())

    func write() {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard var line = try? encoder.encode(self) else { return }
        line.append(0x0A)
        Self.output.withLock { _ in FileHandle.standardOutput.write(line) }
    }
}

struct Emitter: Sendable {
    let client: AuditClient
    let run: UInt64

    func perform(_ command: Command) async -> Reply {
        var reply = Reply(id: command.id)
        let timeout = Duration.milliseconds(command.timeoutMs ?? 30_000)
        do throws(ClientError) {
            switch command.act {
            case "emit":
                for number in self.numbers(command) { self.client.emit(self.event(number, command)) }
            case "emitDurably":
                reply = await self.each(command) { event throws(ClientError) in try await self.client.emitDurably(event)
                }
            case "emitAndWait":
                reply = await self.each(command) { event throws(ClientError) in
                    try await self.client.emitAndWait(event, timeout: timeout)
                }
            case "stats": break
            case "flush": try await self.client.flush(timeout: timeout)
            case "shutdown": await self.client.shutdown(timeout: timeout)
            default: reply.error = "unknown act"
            }
        } catch {
            reply.error = "\(error.code)"
        }
        self.addStatistics(to: &reply)
        return reply
    }

    private func numbers(_ command: Command) -> Range<UInt64> {
        let first = command.from ?? 0
        return first..<first + (command.count ?? 1)
    }

    private func event(_ number: UInt64, _ command: Command) -> Event {
        var event = Event(
            eventID: EventID(high: self.run, low: number), type: command.type ?? "audit.event", occurredAt: .now,
            actor: Actor(kind: "service", id: "test"))
        if let bytes = command.reasonBytes { event.reason = String(repeating: "r", count: bytes) }
        return event
    }

    /// Emits each event, so many at a time, and notes what each was told.
    private func each(
        _ command: Command, _ emit: @escaping @Sendable (Event) async throws(ClientError) -> Void
    ) async -> Reply {
        let work = Work(self.numbers(command), Reply(id: command.id))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<max(1, command.concurrency ?? 1) {
                group.addTask {
                    while let number = work.numbers.withLock({ $0.popFirst() }) {
                        do throws(ClientError) {
                            try await emit(self.event(number, command))
                            work.reply.withLock { $0.kept.append(number) }
                        } catch {
                            work.reply.withLock { $0.failed["\(error.code)", default: []].append(number) }
                        }
                    }
                }
            }
        }
        return work.reply.withLock { $0 }
    }

    /// What those who wait at the same time share.
    private final class Work: Sendable {
        let numbers: Mutex<Range<UInt64>>
        let reply: Mutex<Reply>

        init(_ numbers: Range<UInt64>, _ reply: Reply) {
            self.numbers = Mutex(numbers)
            self.reply = Mutex(reply)
        }
    }

    private func addStatistics(to reply: inout Reply) {
        let statistics = self.client.statistics
        reply.stats = [
            "enqueued": statistics.enqueuedCount, "recovered": statistics.recoveredCount,
            "committed": statistics.committedCount, "rejected": statistics.rejectedCount,
            "dropped": statistics.droppedCount, "queued": statistics.queuedCount,
            "journalled": statistics.journalledCount, "queuedBytes": statistics.queuedBytes,
        ]
        reply.dropped = Dictionary(
            uniqueKeysWithValues: statistics.droppedCounts.map { ($0.key.rawValue, $0.value) })
    }
}
