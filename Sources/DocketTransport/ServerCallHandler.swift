package import DocketGRPC

/// What answers one call. Everything happens on the call's event loop; what takes long goes elsewhere and comes back
/// through a ``ServerCallReference``.
///
/// The order: any number of `receive`, then `receiveEnd` when the client has ended its side. Nothing comes after the
/// handler has finished the call. When the call ends otherwise, `cancelled` comes, once, and nothing after it.
package protocol ServerCallHandler: AnyObject {
    /// Takes a message.
    func receive(_ message: InboundMessage, call: ServerCallContext)
    /// Takes note that no further message comes.
    func receiveEnd(call: ServerCallContext)
    /// Takes note that nobody waits for an answer any more: the client has reset the call or gone away, its deadline
    /// has passed, or it broke the protocol. What the handler sends from now on is dropped.
    func cancelled(call: ServerCallContext)
    /// Takes note that the connection is to end: no call comes any more, and those that are open are waited for. A call that
    /// only its client would end should end by itself, as soon as it owes no answer.
    func draining(call: ServerCallContext)
    /// Takes note that everything sent so far has been handed to the socket: a stream of replies goes on here.
    func outboundDrained(call: ServerCallContext)
}

extension ServerCallHandler {
    package func draining(call: ServerCallContext) {}

    package func outboundDrained(call: ServerCallContext) {}
}

/// A message, and the memory that is reserved for it.
package struct InboundMessage: Sendable {
    /// The message, decompressed.
    package let bytes: [UInt8]
    /// Whether it came compressed.
    package let wasCompressed: Bool
    /// Keep it for as long as the message, or what was made of it, takes memory; then release or drop it.
    package let reservation: MessageReservation
}

/// What finds the handler of a call. Called on the call's event loop.
package protocol ServerCallRouter: Sendable {
    /// The handler of a new call; it may send headers at once.
    ///
    /// - Throws: the status that refuses the call before any message (UNIMPLEMENTED for an unknown method,
    ///   UNAUTHENTICATED and so on).
    func handler(for call: ServerCallContext) throws(GRPCStatus) -> any ServerCallHandler
    /// A status that the transport itself ends a call with, given the details that programs can act on.
    func explained(_ status: GRPCStatus) -> GRPCStatus
}
