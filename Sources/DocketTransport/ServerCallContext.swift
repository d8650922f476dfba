package import DocketGRPC
import DocketHTTP2
package import DocketHeaders
package import NIOCore

/// One call on the server, as its handler sees it. Confined to the event loop of its connection: other threads use the
/// ``reference``.
package final class ServerCallContext {
    /// The request's headers.
    package private(set) var head: GRPCRequestHead
    /// The connection that the call came by.
    package let connection: ServerConnectionContext
    /// When the client stops waiting; `nil` for never.
    package let deadline: NIODeadline?
    /// The HTTP/2 stream.
    let streamID: Int32

    // What follows belongs to the connection's handler.

    /// The protocol machine.
    var machine: ServerCall
    /// The receiver; `nil` once the call is over.
    var handler: (any ServerCallHandler)?
    var window = InboundWindow()
    /// What the metadata takes for as long as the call is open, in bytes.
    private var metadataBytes: Int
    /// The message that comes: since when it does, its ticket while it waits, its reservation once it has one.
    var announced: AnnouncedMessage?

    init(
        head: GRPCRequestHead, connection: ServerConnectionContext, deadline: NIODeadline?, streamID: Int32,
        machine: ServerCall
    ) {
        self.head = head
        self.metadataBytes = head.headers.sizeBytes
        self.connection = connection
        self.deadline = deadline
        self.streamID = streamID
        self.machine = machine
    }

    /// Whether the call still waits for its handler. `false` once it is finished or cancelled.
    package var isOpen: Bool { self.handler != nil }

    /// What the call holds without a reservation, in bytes.
    var unreservedBytes: Int { self.window.unreservedBytes + self.metadataBytes }

    /// Lets go of the call's metadata, and of what has come without a reservation: the call is over, and only its stream may last.
    func releaseUnreserved() {
        // The machine keeps nothing of a call that is over.
        self.window = InboundWindow()
        if self.metadataBytes > 1_024 { self.head = self.head.withoutMetadata }
        self.metadataBytes = 0
    }

    /// Accepts no messages longer than that, in bytes: for methods whose requests are small. To be called when the call is routed.
    package func limitMessages(toBytes bytes: Int) { self.machine.limitMessages(toBytes: bytes) }

    /// What is queued for the client and hasn't been handed to the socket yet, in bytes.
    package var queuedOutboundBytes: Int {
        self.connection.wire?.session.outboundQueuedBytes(streamID: self.streamID) ?? 0
    }

    /// The way back to this call from any thread.
    package var reference: ServerCallReference {
        ServerCallReference(mailbox: self.connection.mailbox, streamID: self.streamID, deadline: self.deadline)
    }

    // MARK: Sending

    /// Sends the response headers now instead of with the first message.
    package func sendHeaders(_ metadata: HeaderList = HeaderList()) {
        self.connection.send(self.machine.sendHeaders(metadata: metadata), on: self)
    }

    /// Chooses how replies are compressed; see ``ServerCall/setReplyEncoding(_:)``.
    @discardableResult
    package func setReplyEncoding(_ encoding: GRPCEncoding) -> Bool { self.machine.setReplyEncoding(encoding) }

    /// Sends a message.
    ///
    /// - Parameter compress: `false` sends it as it is, however the call's replies are compressed.
    package func send(_ message: [UInt8], compress: Bool = true) {
        self.connection.send(self.machine.sendMessage(message, compress: compress), on: self)
    }

    /// Takes note of a message that was refused, though its call goes on: many of them, and the connection's next bytes wait until
    /// its event loop has the leisure. To be called for every refusal that isn't the call's status.
    package func refusedMessage(_ code: GRPCCode) { self.connection.note(code) }

    /// Ends the call. What the client still sends is ignored.
    package func finish(_ status: GRPCStatus, metadata: HeaderList = HeaderList()) {
        self.connection.finish(self, status: status, metadata: metadata)
    }

    /// Answers a unary call: the message, then status OK.
    package func reply(_ message: [UInt8]) {
        self.send(message)
        self.finish(.ok)
    }
}

/// The message that a stream has announced by its prefix, or begins to.
enum AnnouncedMessage {
    /// Something of its prefix has come, and not all of it. `since` is when that was seen.
    case begun(since: NIODeadline)
    /// It waits for the budget.
    case waiting(MemoryBudget.Ticket, wireBytes: Int)
    /// It may arrive. `since` is when that began; `nil` until the first burst ended without its end.
    case granted(MessageReservation, wireBytes: Int, since: NIODeadline?)

    /// Since when its bytes, or those of its prefix, are waited for.
    var since: NIODeadline? {
        switch self {
        case .begun(let since): since
        case .granted(_, _, let since): since
        case .waiting: nil
        }
    }
}
