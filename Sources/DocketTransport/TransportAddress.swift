/// Where a server listens, or where a client connects to.
package enum TransportAddress: Sendable, Hashable {
    /// A host name or address, and a port; port 0 lets a listener choose a free one.
    case tcp(host: String, port: Int)
    /// The path of a Unix-domain socket.
    case unix(path: String)

    /// Reads `host:port`, `[v6]:port` or `unix:path`; `nil` when the text is none of them.
    package init?(parsing text: String) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst(5)
            guard !path.isEmpty else { return nil }
            self = .unix(path: String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self = .tcp(host: String(host), port: Int(port))
    }

    /// Whether it is one of TCP's.
    var isTCP: Bool {
        if case .tcp = self { return true }
        return false
    }

    /// The host name or address; `nil` for a Unix-domain socket.
    package var host: String? {
        if case .tcp(let host, _) = self { return host }
        return nil
    }

    /// The `:authority` that a client sends: host and port, `localhost` for a Unix-domain socket.
    package var authority: String {
        switch self {
        case .tcp: self.description
        case .unix: "localhost"
        }
    }
}

extension TransportAddress: CustomStringConvertible {
    /// The form that ``init(parsing:)`` reads.
    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
