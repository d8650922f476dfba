import DocketClient
import DocketModel
import Logging

/// What an emitter's thread spends in `emit`. Nothing is sent: the collector's address leads nowhere.
enum ClientWorkloads {
    static let all = [
        // Into a batch that stays open: what nearly every emit costs.
        Benchmark(name: "client/emit", unit: .event, operations: Sample.batchEvents) {
            EmitWorkload(maxBatchEvents: 10_000, maxRunsOfClient: 18, maxRuns: nil)
        },
        // Batches of the default size: one opened, filled, sealed and handed to the publisher in each run.
        Benchmark(name: "client/emit-batches", unit: .event, operations: Sample.batchEvents) {
            EmitWorkload(maxBatchEvents: Sample.batchEvents, maxRunsOfClient: .max, maxRuns: 400)
        },
    ]
}

private final class EmitWorkload: Workload {
    private let events = Sample.events()
    private let configuration: AuditClient.Configuration
    private let maxRunsOfClient: Int
    let maxRuns: Int?
    private var client: AuditClient?
    private var runsOfClient = 0

    /// - Parameters:
    ///   - maxRunsOfClient: after how many runs a new client takes over, so that its batch never fills up.
    ///   - maxRuns: how many runs there may be, since what is sealed stays in memory.
    init(maxBatchEvents: Int, maxRunsOfClient: Int, maxRuns: Int?) {
        // No socket can be made there, and after the first attempt the next ones are far apart.
        var configuration = AuditClient.Configuration(target: "unix:/dev/null/docket.sock", token: "token")
        configuration.maxBatchEvents = maxBatchEvents
        configuration.maxBatchBytes = 64 * 1024 * 1024
        configuration.maxQueueBytes = 1 << 40
        configuration.lingerMilliseconds = 60_000
        configuration.initialBackoffMilliseconds = 60_000
        configuration.maxBackoffMilliseconds = 60_000
        configuration.logger = Logger(label: "micro-benchmarks", factory: { _ in SwiftLogNoOpLogHandler() })
        self.configuration = configuration
        self.maxRunsOfClient = maxRunsOfClient
        self.maxRuns = maxRuns
    }

    func prepare() throws {
        guard self.client == nil || self.runsOfClient == self.maxRunsOfClient else { return }
        let client = try AuditClient(self.configuration)
        // The first event opens the batch, and the rest bring its buffer to its size.
        self.emitAll(client)
        self.client = client
        self.runsOfClient = 0
    }

    private func emitAll(_ client: AuditClient) {
        unsafe self.events.withUnsafeBufferPointer { events in
            unsafe forEachInPlace(events) { client.emit($0) }
        }
    }

    func run() throws {
        guard let client = self.client else { throw WorkloadFault("prepare() makes the client") }
        self.emitAll(client)
        self.runsOfClient += 1
        guard client.droppedCount == 0 else { throw WorkloadFault("\(client.droppedCount) events were dropped") }
    }
}
