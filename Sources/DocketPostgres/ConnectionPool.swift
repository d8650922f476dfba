import DocketThreads

/// A few threads with a connection each, for work that isn't on the hot path: queries, the registry, leases,
/// migrations.
///
/// Tasks hand work in and wait; at most ``maxWaiting`` pieces wait. A connection is made when it is first needed, and
/// made anew when it was lost.
package final class ConnectionPool: Sendable {
    /// What is done with each new connection before its first use: checks, mostly.
    package typealias Preparation = @Sendable (PostgresConnection) throws(PostgresError) -> Void

    /// A piece of work; told instead why it won't be done.
    private typealias Job = @Sendable (Result<Worker, PostgresError>) -> Void

    private struct State: Sendable {
        var jobs: [Job] = []
        var isClosed = false
    }

    private let monitor = Monitor(State())
    private let cancellations = Monitor(Cancellations())
    package let settings: ConnectionSettings
    /// The most pieces of work that wait.
    package let maxWaiting: Int

    /// What is to be cancelled: at most one for each piece of work that waits or runs.
    private struct Cancellations: Sendable {
        var waiting: [WorkCancellation] = []
        var isClosed = false
    }

    /// Starts the threads; connects nothing yet.
    package init(
        settings: ConnectionSettings, size: Int, maxWaiting: Int = 256, name: String,
        prepare: @escaping Preparation = { _ throws(PostgresError) in }
    ) throws(PostgresError) {
        precondition(size > 0, "a pool has at least one thread")
        self.settings = settings
        self.maxWaiting = maxWaiting
        let (monitor, cancellations) = (self.monitor, self.cancellations)
        for index in 0..<size {
            try OwnedThread.start(name: "\(name)-\(index)") {
                Self.work(monitor, Worker(settings: settings, prepare: prepare))
            }
        }
        // Telling the server to cancel something takes a connection to it, and so a thread that may block.
        try OwnedThread.start(name: "\(name)-cancel") { Self.cancel(cancellations) }
    }

    deinit { self.close() }

    /// Runs `body` with a connection of the pool, and breaks its statement off when the task is cancelled.
    func runCancellable<Success: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection, WorkCancellation) throws(PostgresError) -> Success
    ) async throws(PostgresError) -> Success {
        let cancellation = WorkCancellation()
        let result: Result<Success, PostgresError> = await withTaskCancellationHandler {
            do throws(PostgresError) {
                return .success(
                    try await self.run { connection throws(PostgresError) in
                        guard cancellation.begin(connection) else { throw Self.unwanted }
                        defer { cancellation.end() }
                        return try body(connection, cancellation)
                    })
            } catch {
                return .failure(error)
            }
        } onCancel: {
            self.cancellations.withLockWaking { state in
                state.waiting.append(cancellation)
                return .one
            }
        }
        return try result.get()
    }

    /// What work ends with that nobody wants any more.
    static let unwanted = PostgresError(
        code: .statementFailed, message: "nobody waits for the answer any more", sqlstate: .queryCanceled)

    private static func cancel(_ cancellations: Monitor<Cancellations>) {
        while true {
            let next: [WorkCancellation]? = cancellations.wait { state in
                guard !state.waiting.isEmpty else { return state.isClosed ? [] : nil }
                defer { state.waiting = [] }
                return state.waiting
            }
            guard let next, !next.isEmpty else { return }
            for one in next { one.perform() }
        }
    }

    /// Runs `body` with a connection of the pool.
    ///
    /// - Parameter isRepeatable: Whether `body` may run a second time, on a new connection, when the server ended an
    ///   idle connection and that came out only now.
    package func run<Success: Sendable>(
        isRepeatable: Bool = true,
        _ body: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Success
    ) async throws(PostgresError) -> Success {
        let result: Result<Success, PostgresError> = await withCheckedContinuation { continuation in
            let job: Job = { worker in
                switch worker {
                case .success(let worker):
                    continuation.resume(returning: worker.run(isRepeatable: isRepeatable, body))
                case .failure(let error): continuation.resume(returning: .failure(error))
                }
            }
            var refusal: PostgresError?
            self.monitor.withLockWaking { state in
                if state.isClosed {
                    refusal = PostgresError(code: .closed, message: "the connections to PostgreSQL are closed")
                } else if state.jobs.count >= self.maxWaiting {
                    refusal = PostgresError(
                        code: .overloaded,
                        message:
                            "\(state.jobs.count) requests wait for PostgreSQL already, which is the limit; try later")
                } else {
                    state.jobs.append(job)
                }
                return refusal == nil ? .one : .none
            }
            if let refusal { job(.failure(refusal)) }
        }
        return try result.get()
    }

    /// Takes no more work; what waits is refused, what runs ends, the connections close.
    package func close() {
        self.cancellations.withLock(wakingAll: true) { $0.isClosed = true }
        let refused = self.monitor.withLock(wakingAll: true) { state in
            state.isClosed = true
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in refused {
            job(.failure(PostgresError(code: .closed, message: "the connections to PostgreSQL are being closed")))
        }
    }

    private static func work(_ monitor: Monitor<State>, _ worker: Worker) {
        enum Turn {
            case job(Job)
            case end
        }
        while true {
            let turn: Turn? = monitor.wait { state in
                if !state.jobs.isEmpty { return .job(state.jobs.removeFirst()) }
                return state.isClosed ? .end : nil
            }
            guard case .job(let job) = turn else { return }
            job(.success(worker))
        }
    }

    /// A thread's connection.
    ///
    /// Sendable without the compiler's proof: it is made inside its thread, and jobs, which are handed it, run in that
    /// thread and don't keep it.
    private final class Worker: @unchecked Sendable {
        private let settings: ConnectionSettings
        private let prepare: Preparation
        private var connection: PostgresConnection?

        init(settings: ConnectionSettings, prepare: @escaping Preparation) {
            self.settings = settings
            self.prepare = prepare
        }

        func run<Success>(
            isRepeatable: Bool, _ body: (PostgresConnection) throws(PostgresError) -> Success
        ) -> Result<Success, PostgresError> {
            do throws(PostgresError) {
                let isReused = self.connection?.isAlive == true
                do throws(PostgresError) {
                    return .success(try body(try self.aliveConnection()))
                } catch {
                    guard isReused, isRepeatable, error.code == .connectionLost else { throw error }
                    return .success(try body(try self.aliveConnection()))
                }
            } catch {
                return .failure(error)
            }
        }

        private func aliveConnection() throws(PostgresError) -> PostgresConnection {
            // One that a failed piece of work left inside a transaction is no longer of use either.
            if let connection = self.connection, connection.isAlive, connection.isIdle { return connection }
            self.connection = nil
            let connection = try PostgresConnection(self.settings)
            try self.prepare(connection)
            self.connection = connection
            return connection
        }
    }
}
