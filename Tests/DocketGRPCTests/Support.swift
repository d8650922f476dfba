import DocketGRPC
import DocketHeaders

/// A good request's block, with some fields changed (`nil` leaves one out) and others put behind.
func requestHeaders(_ changes: [String: String?] = [:], extra: KeyValuePairs<String, String> = [:]) -> HeaderList {
    let fields: KeyValuePairs = [
        ":method": "POST", ":scheme": "http", ":path": "/docket.v1.CollectorService/Publish",
        ":authority": "localhost:8443",
        "te": "trailers", "content-type": "application/grpc", "user-agent": "grpc-python/1.60",
    ]
    var headers = HeaderList()
    for (name, value) in fields {
        if let value = changes[name] ?? value { headers.append(name, value) }
    }
    headers.append(contentsOf: HeaderList(extra))
    return headers
}

/// The response headers that a server sends when nothing is compressed.
let plainResponseHeaders = HeaderList([
    ":status": "200", "content-type": "application/grpc", "grpc-accept-encoding": "identity,gzip",
])

/// A Trailers-Only block.
func trailersOnly(http: Int = 200, _ status: Int, _ message: String, extra: KeyValuePairs<String, String> = [:])
    -> HeaderList
{
    var headers = HeaderList([
        ":status": String(http), "content-type": "application/grpc", "grpc-accept-encoding": "identity,gzip",
        "grpc-status": String(status),
    ])
    if !message.isEmpty { headers.append("grpc-message", message) }
    headers.append(contentsOf: HeaderList(extra))
    return headers
}

/// A prefix and what stands behind it.
func framed(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
    [flag] + (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (24 - 8 * $0)) } + message
}

/// A message that differs at each place from its neighbours.
func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
}

extension MessageDeframer {
    mutating func receive(_ bytes: some Sequence<UInt8>) {
        Array(bytes).withUnsafeBytes { self.receivedData($0) }
    }
}

extension ServerCall {
    mutating func receive(_ bytes: some Sequence<UInt8>) {
        Array(bytes).withUnsafeBytes { self.receivedData($0) }
    }

    /// All that comes without granting anything.
    mutating func drain() -> [ServerInboundAction] {
        var actions: [ServerInboundAction] = []
        while let action = self.nextInbound() { actions.append(action) }
        return actions
    }

    /// A call that has accepted a good request.
    static func accepted(
        maxMessageBytes: Int = 1000, headers: HeaderList = requestHeaders()
    ) -> ServerCall {
        var call = ServerCall(maxMessageBytes: maxMessageBytes)
        _ = call.receivedHeaders(headers)
        return call
    }
}

extension ClientCall {
    mutating func receive(_ bytes: some Sequence<UInt8>) {
        Array(bytes).withUnsafeBytes { self.receivedData($0) }
    }

    /// All that comes without granting anything.
    mutating func drain() -> [ClientInboundAction] {
        var actions: [ClientInboundAction] = []
        while let action = self.nextInbound() { actions.append(action) }
        return actions
    }

    /// A call that has sent its block.
    static func started(maxMessageBytes: Int = 1000) -> ClientCall {
        var call = ClientCall(maxMessageBytes: maxMessageBytes)
        _ = call.start(GRPCClientRequest(path: "/s/m", authority: "a", scheme: "http"))
        return call
    }
}
