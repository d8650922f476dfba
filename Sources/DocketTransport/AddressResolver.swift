import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Finds all addresses of a host name, by the system's resolver.
package enum AddressResolver {
    /// The addresses that a name stands for, in the system's order (RFC 6724); an address stands for itself.
    ///
    /// - Throws: ``TransportError`` `connect` when the name has none.
    package static func addresses(of target: TransportAddress) async throws(TransportError) -> [TransportAddress] {
        guard case .tcp(let host, let port) = target, (try? SocketAddress(ipAddress: host, port: port)) == nil else {
            return [target]
        }
        let found: Result<[String], TransportError>
        do {
            // The system's resolver blocks.
            found = try await NIOThreadPool.singleton.runIfActive { Self.lookUp(host) }
        } catch {
            throw TransportError(.connect, "the name '\(host)' can't be looked up", cause: error)
        }
        return try found.get().map { .tcp(host: $0, port: port) }
    }

    private static func lookUp(_ host: String) -> Result<[String], TransportError> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        defer { unsafe freeaddrinfo(list) }
        guard code == 0 else {
            let reason = unsafe String(cString: gai_strerror(code))
            return .failure(
                TransportError(.connect, "the name '\(host)' can't be resolved (\(reason)); check it, and the DNS"))
        }
        var addresses: [String] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let text = unsafe Self.text(entry.pointee), !addresses.contains(text) { addresses.append(text) }
            unsafe next = entry.pointee.ai_next
        }
        guard addresses.isEmpty else { return .success(addresses) }
        return .failure(TransportError(.connect, "the name '\(host)' has no address; check it, and the DNS"))
    }

    private static func text(_ entry: addrinfo) -> String? {
        // NI_MAXHOST.
        var buffer = [CChar](repeating: 0, count: 1025)
        let code = unsafe getnameinfo(
            entry.ai_addr, entry.ai_addrlen, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST)
        guard code == 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
