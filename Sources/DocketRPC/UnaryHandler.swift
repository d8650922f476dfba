import DocketGRPC
package import DocketTransport

/// A unary call on its event loop: waits for the one message and for the end of the request, then calls `respond`.
///
/// `respond` runs on the loop and must not block; it answers by the context, or later by the call's reference.
package final class UnaryHandler: ServerCallHandler {
    private let respond: (InboundMessage, ServerCallContext) -> Void
    private let onCancel: (() -> Void)?
    private let onDraining: ((ServerCallContext) -> Void)?
    private var message: InboundMessage?

    /// - Parameters:
    ///   - onCancel: called when nobody waits for the answer any more.
    ///   - onDraining: called when the connection is to end, for answers that would not end by themselves.
    ///   - respond: called once with the request's message.
    package init(
        onCancel: (() -> Void)? = nil, onDraining: ((ServerCallContext) -> Void)? = nil,
        respond: @escaping (InboundMessage, ServerCallContext) -> Void
    ) {
        self.onCancel = onCancel
        self.onDraining = onDraining
        self.respond = respond
    }

    package func receive(_ message: InboundMessage, call: ServerCallContext) {
        guard self.message == nil else {
            call.finish(GRPCStatus(.unimplemented, "a unary call has one message; this one has a second"))
            return
        }
        self.message = message
    }

    package func receiveEnd(call: ServerCallContext) {
        guard let message = self.message else {
            call.finish(GRPCStatus(.unimplemented, "a unary call has one message; this one ended without"))
            return
        }
        self.message = nil
        self.respond(message, call)
    }

    package func draining(call: ServerCallContext) { self.onDraining?(call) }

    package func cancelled(call: ServerCallContext) {
        self.message = nil
        self.onCancel?()
    }
}
