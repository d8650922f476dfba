package import DocketGRPC
package import DocketHeaders
package import NIOCore

/// A call, as other threads see it: commands are posted to the call's event loop, in order, and dropped there when the
/// call is over. Many commands that are posted together cost one wake-up.
package struct ServerCallReference: Sendable {
    let mailbox: LoopMailbox<ServerMail>
    let streamID: Int32
    /// When the client stops waiting; `nil` for never.
    package let deadline: NIODeadline?

    /// The loop of the call.
    package var eventLoop: any EventLoop { self.mailbox.eventLoop }

    /// Sends the response headers now instead of with the first message.
    package func sendHeaders(_ metadata: HeaderList = HeaderList()) {
        self.post(.sendHeaders(metadata))
    }

    /// Sends a message; see ``ServerCallContext/send(_:compress:)``.
    package func send(_ message: [UInt8], compress: Bool = true) {
        self.post(.send(message, compress: compress))
    }

    /// Ends the call.
    package func finish(_ status: GRPCStatus, metadata: HeaderList = HeaderList()) {
        self.post(.finish(status, metadata))
    }

    /// Answers a unary call: the message, then status OK.
    package func reply(_ message: [UInt8]) {
        self.post(.reply(message))
    }

    /// Runs something on the call's loop, unless the call is over by then.
    package func execute(_ body: @escaping @Sendable (ServerCallContext) -> Void) {
        self.post(.run(body))
    }

    private func post(_ command: ServerCallCommand) {
        self.mailbox.post(.call(streamID: self.streamID, command))
    }
}

/// What is posted to a server connection.
enum ServerMail: Sendable {
    /// For a call; dropped when the call is over.
    case call(streamID: Int32, ServerCallCommand)
    /// For a call's announced message; dropped, and so given back, when the call is over.
    case granted(streamID: Int32, MessageReservation)
    /// Too much is held without a reservation in all, and by this connection most.
    case letGo
    /// Begin the graceful shutdown.
    case shutDown
    /// Close now.
    case close
}

/// What is posted to a call.
enum ServerCallCommand: Sendable {
    case sendHeaders(HeaderList)
    case send([UInt8], compress: Bool)
    case finish(GRPCStatus, HeaderList)
    case reply([UInt8])
    case run(@Sendable (ServerCallContext) -> Void)
}
