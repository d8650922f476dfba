import NIOCore
import Synchronization

/// A way onto an event loop from any thread, for the completions of one connection.
///
/// Many entries that arrive while the loop is busy cost one wake-up and one flush: a commit group that answers a
/// thousand calls of a connection schedules one task.
final class LoopMailbox<Entry: Sendable>: Sendable {
    private struct State {
        var entries: [Entry] = []
        var isScheduled = false
        var isClosed = false
    }

    /// The loop that the entries are delivered on.
    let eventLoop: any EventLoop
    private let state = Mutex(State())
    /// The receiver; `nil` before the connection is up and after it is down. Only touched on the loop.
    private let receiver: NIOLoopBoundBox<(([Entry]) -> Void)?>

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.receiver = NIOLoopBoundBox.makeEmptyBox(valueType: (([Entry]) -> Void).self, eventLoop: eventLoop)
    }

    /// Starts delivery. On the loop, once.
    func open(_ receiver: @escaping ([Entry]) -> Void) {
        self.receiver.value = receiver
    }

    /// Ends delivery: what comes later is dropped. On the loop.
    ///
    /// - Returns: what was posted in time and hasn't been delivered.
    @discardableResult
    func close() -> [Entry] {
        self.receiver.value = nil
        return self.state.withLock { state in
            state.isClosed = true
            defer { state.entries = [] }
            return state.entries
        }
    }

    /// Posts an entry; it is delivered in order. From any thread.
    ///
    /// - Returns: `false` when the connection is down and the entry was dropped.
    @discardableResult
    func post(_ entry: Entry) -> Bool {
        let (accepted, mustSchedule) = self.state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed else { return (false, false) }
            state.entries.append(entry)
            defer { state.isScheduled = true }
            return (true, !state.isScheduled)
        }
        if mustSchedule { self.eventLoop.execute { self.deliver() } }
        return accepted
    }

    private func deliver() {
        let entries = self.state.withLock { state in
            state.isScheduled = false
            defer { state.entries = [] }
            return state.entries
        }
        guard !entries.isEmpty else { return }
        self.receiver.value?(entries)
    }
}
