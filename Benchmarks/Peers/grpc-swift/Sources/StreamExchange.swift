import DocketCollector
import DocketGRPC
import GRPCCore
import Synchronization

/// The requests of one stream that are at work, and their answers on the way back.
///
/// One task reads and another one writes; what the store answers meanwhile goes out together, in one write.
final class StreamExchange: Sendable {
    private struct State {
        /// Requests whose answer hasn't been taken for writing.
        var unanswered = 0
        /// What has been answered since the writer last looked.
        var answers: [PublishPipeline.Answer] = []
        /// Whether no more requests come.
        var hasEnded = false
        /// What ends the stream otherwise than well, once everything is answered.
        var fault: GRPCStatus?
    }

    /// How many requests of a stream may be at work at once. Beyond it nothing is read, and flow control holds the client.
    private static let maxUnanswered = 128

    private let state = Mutex(State())
    /// Tells the writer that there is something to do; one that wasn't heard yet is enough.
    private let news = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    /// Tells the reader that there is room again.
    private let room = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Reads until the client, or a fault, ends the stream.
    ///
    /// - Parameter submit: hands a request over, and calls back exactly once with its answer, on any thread.
    func read(
        _ messages: RPCAsyncSequence<[UInt8], any Error>,
        submit: ([UInt8], @escaping @Sendable (PublishPipeline.Answer) -> Void) -> Void
    ) async {
        do {
            for try await message in messages {
                guard await self.begin() else { return }
                submit(message) { self.answered($0) }
            }
            self.end()
        } catch {
            self.end(GRPCStatus(.cancelled, "the stream broke off: \(error)"))
        }
    }

    /// Writes answers as they come.
    ///
    /// - Throws: the fault that has ended the stream, or what the writer throws.
    func write(to writer: RPCWriter<[UInt8]>) async throws {
        for await _ in self.news.stream {
            let replies = self.replies()
            if !replies.isEmpty { try await writer.write(contentsOf: replies) }
            let (isDone, fault) = self.state.withLock { ($0.hasEnded && $0.unanswered == 0, $0.fault) }
            guard isDone else { continue }
            if let fault { throw fault }
            return
        }
    }

    /// No more requests are taken; what is under way is still answered. Of several faults the first one counts.
    ///
    /// - Parameter isLate: whether the fault counts even after the client's own end of the stream.
    func end(_ fault: GRPCStatus? = nil, isLate: Bool = false) {
        self.state.withLock { state in
            if isLate || !state.hasEnded { state.fault = state.fault ?? fault }
            state.hasEnded = true
        }
        self.news.continuation.yield()
        self.room.continuation.finish()
    }

    /// Waits for room and counts a request; `false` when none is taken any more.
    private func begin() async -> Bool {
        var waiting = self.room.stream.makeAsyncIterator()
        while true {
            let isTaken: Bool? = self.state.withLock { state in
                if state.hasEnded { return false }
                guard state.unanswered < Self.maxUnanswered else { return nil }
                state.unanswered += 1
                return true
            }
            if let isTaken { return isTaken }
            guard await waiting.next() != nil else { return false }
        }
    }

    private func answered(_ answer: PublishPipeline.Answer) {
        let isFirst = self.state.withLock { state in
            state.answers.append(answer)
            return state.answers.count == 1
        }
        if isFirst { self.news.continuation.yield() }
    }

    /// Takes all the answers that there are, and encodes them.
    private func replies() -> [[UInt8]] {
        let (answers, wasFull) = self.state.withLock { state in
            let wasFull = state.unanswered == Self.maxUnanswered
            state.unanswered -= state.answers.count
            defer { state.answers.removeAll() }
            return (state.answers, wasFull)
        }
        if wasFull { self.room.continuation.yield() }
        var replies: [[UInt8]] = []
        replies.reserveCapacity(answers.count)
        for answer in answers {
            do throws(GRPCStatus) {
                replies.append(try answer.streamedReply())
            } catch {
                self.end(error, isLate: true)
            }
        }
        return replies
    }
}
