import DocketClient
import Foundation
import Logging
import Synchronization

/// An emitter for tests in other languages: commands come as lines of JSON on standard input, each is answered by one on standard
/// output when it is done, and they run side by side. It ends at the end of its input.
///
/// The first line is the configuration (``Settings``), answered by `{"id":0}` or an error. Events are numbered by the test: event *n*
/// of run *r* has the id of *r* and *n* as its halves.
@main
struct TestEmitter {
    static func main() async throws {
        guard let first = readLine() else { return }
        let settings = try JSONDecoder().decode(Settings.self, from: Data(first.utf8))
        let client: AuditClient
        do {
            client = try await AuditClient.open(settings.configuration())
        } catch {
            return Reply(id: 0, error: "\(error)").write()
        }
        Reply(id: 0).write()
        let emitter = Emitter(client: client, run: settings.run)
        await withDiscardingTaskGroup { group in
            for await line in Self.lines() {
                guard let command = try? JSONDecoder().decode(Command.self, from: Data(line.utf8)) else {
                    Reply(id: -1, error: "not a command: \(line)").write()
                    continue
                }
                group.addTask { await emitter.perform(command).write() }
            }
        }
    }

    /// The lines of standard input, read by a thread of their own.
    private static func lines() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        Thread.detachNewThread {
            while let line = readLine() { continuation.yield(line) }
            continuation.finish()
        }
        return stream
    }
}

/// The first line.
struct Settings: Decodable {
    var targets: [String]
    var token = ""
    var policy = "dropNewest"
    var journal: String?
    var journalMaxBytes: Int?
    var maxQueueBytes: Int?
    var maxBatchEvents: Int?
    var maxBatchBytes: Int?
    var maxAttempts: Int?
    var reportsDrops: Bool?
    var gzip: Bool?
    var answerTimeoutMs: Int?
    var run: UInt64

    enum CodingKeys: String, CodingKey {
        case targets, token, policy, journal, journalMaxBytes, maxQueueBytes, maxBatchEvents, maxBatchBytes, maxAttempts
        case reportsDrops, gzip, answerTimeoutMs, run
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.targets = try values.decode([String].self, forKey: .targets)
        self.token = try values.decodeIfPresent(String.self, forKey: .token) ?? ""
        self.policy = try values.decodeIfPresent(String.self, forKey: .policy) ?? "dropNewest"
        self.journal = try values.decodeIfPresent(String.self, forKey: .journal)
        self.journalMaxBytes = try values.decodeIfPresent(Int.self, forKey: .journalMaxBytes)
        self.maxQueueBytes = try values.decodeIfPresent(Int.self, forKey: .maxQueueBytes)
        self.maxBatchEvents = try values.decodeIfPresent(Int.self, forKey: .maxBatchEvents)
        self.maxBatchBytes = try values.decodeIfPresent(Int.self, forKey: .maxBatchBytes)
        self.maxAttempts = try values.decodeIfPresent(Int.self, forKey: .maxAttempts)
        self.reportsDrops = try values.decodeIfPresent(Bool.self, forKey: .reportsDrops)
        self.gzip = try values.decodeIfPresent(Bool.self, forKey: .gzip)
        self.answerTimeoutMs = try values.decodeIfPresent(Int.self, forKey: .answerTimeoutMs)
        self.run = try values.decode(UInt64.self, forKey: .run)
    }

    func configuration() -> AuditClient.Configuration {
        var configuration = AuditClient.Configuration(targets: self.targets, token: self.token)
        configuration.overflowPolicy =
            AuditClient.OverflowPolicy.allCases.first { "\($0)" == self.policy } ?? .dropNewest
        configuration.journal = self.journal.map { .init(path: $0) }
        if let bytes = self.journalMaxBytes { configuration.journal?.maxBytes = bytes }
        if let bytes = self.maxQueueBytes { configuration.maxQueueBytes = bytes }
        if let count = self.maxBatchEvents { configuration.maxBatchEvents = count }
        if let bytes = self.maxBatchBytes { configuration.maxBatchBytes = bytes }
        configuration.maxAttempts = self.maxAttempts
        if let reportsDrops = self.reportsDrops { configuration.reportsDrops = reportsDrops }
        if let milliseconds = self.answerTimeoutMs { configuration.answerTimeoutMilliseconds = milliseconds }
        if self.gzip == true { configuration.compression = .gzip }
        configuration.maxBackoffMilliseconds = 500
        configuration.logger = Logger(label: "test-emitter") { StreamLogHandler.standardError(label: $0) }
        return configuration
    }
}
