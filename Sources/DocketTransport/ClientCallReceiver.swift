package import DocketGRPC
package import DocketHeaders

/// What a client call tells its caller. Everything comes on the connection's event loop, in order; `finished` comes
/// exactly once, and last.
package protocol ClientCallReceiver: AnyObject, Sendable {
    /// Whether every message is acknowledged by ``ClientCallReference/consumed(bytes:)`` once it has been dealt with;
    /// until then the server may send only a window more. `false`: it is dealt with when `message` returns.
    var acknowledgesMessages: Bool { get }
    /// Takes the response headers.
    func metadata(_ metadata: HeaderList)
    /// Takes a message, decompressed.
    func message(_ bytes: [UInt8])
    /// Takes note that the call is writable again after it wasn't.
    func writable()
    /// Takes the end of the call: its status, and the trailers (empty when the status was made up on this side).
    func finished(_ status: GRPCStatus, trailers: HeaderList)
}

extension ClientCallReceiver {
    package var acknowledgesMessages: Bool { false }
    package func metadata(_ metadata: HeaderList) {}
    package func writable() {}
}
