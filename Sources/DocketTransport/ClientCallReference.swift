package import DocketGRPC
import DocketHeaders
import NIOCore
import Synchronization

/// A call, as its caller holds it, on any thread. Commands are posted to the connection's loop, in order, and dropped
/// there when the call is over.
package struct ClientCallReference: Sendable {
    let mailbox: LoopMailbox<ClientMail>
    let number: UInt64
    let gauge: OutboundGauge

    /// Whether little enough is queued that more may be sent now. ``ClientCallReceiver/writable()`` says when it is so
    /// again.
    package var isWritable: Bool { self.gauge.isBelowLimit }

    /// Sends a message. It is queued even when the call isn't writable: whoever ignores that pays in memory.
    package func send(_ message: [UInt8]) {
        self.gauge.add(message.count)
        self.mailbox.post(.call(self.number, .send(message)))
    }

    /// Sends a message that has its prefix already (`MessageFraming.writePrefix`): no copy, never compressed.
    package func sendFrame(_ frame: [UInt8]) {
        self.gauge.add(frame.count)
        self.mailbox.post(.call(self.number, .sendFrame(frame)))
    }

    /// Ends the sending side.
    package func end() {
        self.mailbox.post(.call(self.number, .end))
    }

    /// Gives the call up; it finishes with that status, CANCELLED unless told otherwise.
    package func cancel(_ status: GRPCStatus = GRPCStatus(.cancelled, "the caller gave the call up")) {
        self.mailbox.post(.call(self.number, .cancel(status)))
    }

    /// Acknowledges messages (``ClientCallReceiver/acknowledgesMessages``).
    package func consumed(bytes: Int) {
        self.mailbox.post(.call(self.number, .consumed(bytes)))
    }
}

/// What is posted to a client connection.
enum ClientMail: Sendable {
    case start(ClientCallStart)
    case call(UInt64, ClientCallCommand)
    /// Finish the calls that are open, then close.
    case shutDown
    /// Close now.
    case close
}

/// A call that is to begin.
struct ClientCallStart: Sendable {
    let number: UInt64
    let request: GRPCClientRequest
    let deadline: NIODeadline?
    let receiver: any ClientCallReceiver
    let gauge: OutboundGauge
}

/// What is posted to a client call.
enum ClientCallCommand: Sendable {
    case send([UInt8])
    case sendFrame([UInt8])
    case end
    case cancel(GRPCStatus)
    case consumed(Int)
}

/// How much of a call waits to be sent: written by callers on any thread and by the loop.
final class OutboundGauge: Sendable {
    private let bytes = Atomic<Int>(0)
    private let limitBytes: Int

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    var isBelowLimit: Bool { self.bytes.load(ordering: .relaxed) < self.limitBytes }

    func add(_ count: Int) {
        self.bytes.wrappingAdd(count, ordering: .relaxed)
    }

    /// Takes note of bytes that have left; `true` when that made the call writable again.
    func subtract(_ count: Int) -> Bool {
        let (before, after) = self.bytes.wrappingSubtract(count, ordering: .relaxed)
        return before >= self.limitBytes && after < self.limitBytes
    }
}
