package import DocketGRPC
package import DocketHeaders
package import DocketTransport
import Synchronization

/// A streaming call. Sending and receiving are independent of each other, each from any task.
package struct ClientStream: Sendable {
    /// The call below, for sending without waiting.
    package let reference: ClientCallReference
    private let inbox: ClientStreamInbox

    init(reference: ClientCallReference, inbox: ClientStreamInbox) {
        self.reference = reference
        self.inbox = inbox
    }

    /// Sends a message once there is room for it. Returns when it is queued, not when it has arrived.
    ///
    /// - Throws: the status of the call, when it is over; CANCELLED, when the task is.
    package func send(_ message: [UInt8]) async throws(GRPCStatus) {
        while !self.reference.isWritable {
            try await self.inbox.waitUntilWritable(self.reference)
        }
        if let status = self.inbox.status { throw status }
        self.reference.send(message)
    }

    /// Ends the sending side.
    package func end() { self.reference.end() }

    /// Gives the call up: ``messages`` ends with CANCELLED.
    package func cancel() { self.reference.cancel() }

    /// The messages, in order, for one consumer. The sequence ends when the call ends with OK, and throws its status
    /// (a `GRPCStatus`) otherwise. The server may be ahead of the consumer by a window, not more.
    package var messages: Messages { Messages(inbox: self.inbox, reference: self.reference) }

    /// The response headers so far; `nil` before they have come.
    package var metadata: HeaderList? { self.inbox.metadata }

    /// The trailers; `nil` before the end of the call.
    package var trailers: HeaderList? { self.inbox.trailers }

    /// The messages of a stream.
    package struct Messages: AsyncSequence, AsyncIteratorProtocol, Sendable {
        package typealias Element = [UInt8]
        package typealias Failure = GRPCStatus
        let inbox: ClientStreamInbox
        let reference: ClientCallReference

        package func makeAsyncIterator() -> Messages { self }

        package func next() async throws(GRPCStatus) -> [UInt8]? { try await self.inbox.next(self.reference) }

        package func next(isolation: isolated (any Actor)?) async throws(GRPCStatus) -> [UInt8]? {
            try await self.inbox.next(self.reference)
        }
    }
}

/// What a streaming call has received and its consumer hasn't taken; and who waits to send.
final class ClientStreamInbox: ClientCallReceiver {
    private enum Answer {
        case message([UInt8])
        case end(GRPCStatus)
    }

    private struct State {
        var metadata: HeaderList?
        var messages: [[UInt8]] = []
        /// The messages before it have been taken.
        var first = 0
        var status: GRPCStatus?
        var trailers: HeaderList?
        var consumer: CheckedContinuation<Answer, Never>?
        var senders: [CheckedContinuation<Void, Never>] = []

        mutating func take() -> [UInt8]? {
            guard self.first < self.messages.count else { return nil }
            var message: [UInt8] = []
            swap(&message, &self.messages[self.first])
            self.first += 1
            if self.first == self.messages.count {
                self.messages.removeAll(keepingCapacity: true)
                self.first = 0
            }
            return message
        }
    }

    private let state = Mutex(State())

    var acknowledgesMessages: Bool { true }
    var metadata: HeaderList? { self.state.withLock { $0.metadata } }
    var trailers: HeaderList? { self.state.withLock { $0.trailers } }
    var status: GRPCStatus? { self.state.withLock { $0.status } }

    // MARK: From the loop

    func metadata(_ metadata: HeaderList) {
        self.state.withLock { $0.metadata = metadata }
    }

    func message(_ bytes: [UInt8]) {
        let consumer = self.state.withLock { state -> CheckedContinuation<Answer, Never>? in
            guard let consumer = state.consumer else {
                state.messages.append(bytes)
                return nil
            }
            state.consumer = nil
            return consumer
        }
        consumer?.resume(returning: .message(bytes))
    }

    func writable() {
        for sender in self.takeSenders() { sender.resume() }
    }

    func finished(_ status: GRPCStatus, trailers: HeaderList) {
        let consumer = self.state.withLock { state in
            state.status = status
            state.trailers = trailers
            defer { state.consumer = nil }
            return state.consumer
        }
        consumer?.resume(returning: .end(status))
        for sender in self.takeSenders() { sender.resume() }
    }

    private func takeSenders() -> [CheckedContinuation<Void, Never>] {
        self.state.withLock { state in
            defer { state.senders = [] }
            return state.senders
        }
    }

    // MARK: From the consumer

    func next(_ reference: ClientCallReference) async throws(GRPCStatus) -> [UInt8]? {
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let answer = self.answer(orWait: continuation) { continuation.resume(returning: answer) }
            }
        } onCancel: {
            // The call ends, and that answers.
            reference.cancel()
        }
        switch answer {
        case .message(let message):
            reference.consumed(bytes: message.count)
            return message
        case .end(let status) where status.isOK:
            return nil
        case .end(let status):
            throw status
        }
    }

    private func answer(orWait continuation: CheckedContinuation<Answer, Never>) -> Answer? {
        self.state.withLock { state in
            if let message = state.take() { return .message(message) }
            if let status = state.status { return .end(status) }
            // A second consumer at the same time would lose messages to the first.
            precondition(state.consumer == nil, "a stream's messages have one consumer")
            state.consumer = continuation
            return nil
        }
    }

    func waitUntilWritable(_ reference: ClientCallReference) async throws(GRPCStatus) {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let mustWait = self.state.withLock { state in
                    guard state.status == nil, !reference.isWritable else { return false }
                    state.senders.append(continuation)
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            reference.cancel()
        }
        if let status = self.status { throw status }
    }
}
