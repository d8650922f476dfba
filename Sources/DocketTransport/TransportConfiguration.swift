import NIOCore

/// The bounds of one server connection. Every one is a limit on what a peer can cost.
package struct ServerConnectionLimits: Sendable, Hashable {
    /// How many calls may be open at once on a connection (SETTINGS_MAX_CONCURRENT_STREAMS).
    package var maxConcurrentStreams = 1_000
    /// What a stream may send without a reservation, in bytes (SETTINGS_INITIAL_WINDOW_SIZE).
    package var streamWindowBytes = 65_535
    /// What a connection may have under way, in bytes; received bytes are given back at once.
    package var connectionWindowBytes = 4 << 20
    /// The longest message, in bytes, before and after decompression.
    package var maxMessageBytes = 4 << 20
    /// How many bytes are reserved for each byte of a message: for itself and for what will be made of it. The handler
    /// corrects that once it knows (``MessageReservation/resize(toBytes:)``).
    package var reservedBytesPerByte = 1
    /// About what a connection takes besides what its calls hold, in bytes: its session, its buffers and a few calls. So much less of the
    /// budget is shared for each that is open.
    package var connectionBytes = 48 << 10
    /// What may wait for a peer that doesn't read, in bytes a connection. The call that exceeds it is reset.
    package var maxQueuedOutboundBytes = 16 << 20
    /// How long TLS and the HTTP/2 preface may take.
    package var handshakeTimeout = Duration.seconds(10)
    /// How long a message may take from its reservation to its last byte.
    package var messageTimeout = Duration.seconds(30)
    /// How long a message may come slowly while others wait for memory; see ``dueBytes(after:)``.
    package var slowMessageGrace = Duration.seconds(1)
    /// How long a peer may leave a full socket unread.
    package var writeStallTimeout = Duration.seconds(30)
    /// How many connections and calls there are at once.
    package var admission = AdmissionLimits()
    /// How long the connection is kept, and how often either side asks for the other.
    package var life = ConnectionLifeLimits()

    /// The documented defaults.
    package init() {}

    /// What must have come of a message, in bytes, so long after it may, while others wait for memory: the pace that the longest
    /// message needs to be whole within ``messageTimeout``.
    func dueBytes(after time: TimeAmount) -> Int {
        let late = time - TimeAmount(self.slowMessageGrace)
        guard late >= .zero else { return -1 }
        return Int(
            Double(self.maxMessageBytes) * Double(late.nanoseconds)
                / Double(TimeAmount(self.messageTimeout).nanoseconds))
    }

    /// Checks every bound, against the budget as well.
    package func validate(budgetBytes: Int) throws(TransportError) {
        func check(_ name: String, _ value: Int, _ bounds: ClosedRange<Int>) throws(TransportError) {
            guard bounds.contains(value) else {
                throw TransportError(
                    .configuration, "\(name) is \(value); choose \(bounds.lowerBound) to \(bounds.upperBound)")
            }
        }
        try check("maxConcurrentStreams", self.maxConcurrentStreams, 1...100_000)
        try check("streamWindowBytes", self.streamWindowBytes, 1_024...(16 << 20))
        try check("connectionWindowBytes", self.connectionWindowBytes, 65_535...(1 << 30))
        try check("maxMessageBytes", self.maxMessageBytes, 1...(256 << 20))
        try check("reservedBytesPerByte", self.reservedBytesPerByte, 1...100)
        try check("connectionBytes", self.connectionBytes, 0...(1 << 20))
        try check("maxQueuedOutboundBytes", self.maxQueuedOutboundBytes, 65_536...(1 << 30))
        for (name, value) in [
            ("handshakeTimeout", self.handshakeTimeout), ("messageTimeout", self.messageTimeout),
            ("slowMessageGrace", self.slowMessageGrace),
            ("writeStallTimeout", self.writeStallTimeout),
            ("life.keepaliveInterval", self.life.keepaliveInterval ?? .seconds(1)),
            ("life.keepaliveTimeout", self.life.keepaliveTimeout), ("life.minPingInterval", self.life.minPingInterval),
            ("life.maxIdle", self.life.maxIdle ?? .seconds(1)), ("life.maxAge", self.life.maxAge ?? .seconds(1)),
            ("life.maxAgeGrace", self.life.maxAgeGrace),
        ] where value < .milliseconds(1) || value > .seconds(86_400) {
            throw TransportError(.configuration, "\(name) is \(value); choose 1 ms to 1 day")
        }
        try check("admission.maxConnections", self.admission.maxConnections, 1...10_000_000)
        try check("admission.maxConnectionsPerPeer", self.admission.maxConnectionsPerPeer, 1...10_000_000)
        try check("admission.maxCalls", self.admission.maxCalls, 1...10_000_000)
        try check("admission.maxCallsPerPeer", self.admission.maxCallsPerPeer, 1...10_000_000)
        try check("life.maxPingStrikes", self.life.maxPingStrikes, 0...1_000_000)
        guard 2 * self.maxMessageBytes <= budgetBytes else {
            throw TransportError(
                .configuration,
                "a memory budget of \(budgetBytes) bytes is less than twice maxMessageBytes (\(self.maxMessageBytes)), "
                    + "which a compressed message may need; raise the one or lower the other")
        }
    }
}

/// The bounds of one client connection.
package struct ClientConnectionLimits: Sendable {
    /// What a stream may send ahead of its reader, in bytes.
    package var streamWindowBytes = 256 << 10
    /// What the server may have under way, in bytes.
    package var connectionWindowBytes = 4 << 20
    /// The longest reply, in bytes, before and after decompression.
    package var maxMessageBytes = 4 << 20
    /// What a stream queues before it stops being writable, in bytes.
    package var writableBelowBytes = 256 << 10
    /// How long connecting may take, TLS and the server's SETTINGS included.
    package var connectTimeout = Duration.seconds(10)
    /// After how long a silence, while calls are open, a PING asks whether the server is still there; `nil`: never.
    package var keepalive: KeepalivePace?
    /// How long the answer to that PING may take.
    package var keepaliveTimeout = Duration.seconds(10)

    /// The documented defaults.
    package init() {}
}
