internal import DocketTransport

/// A collector, as a connection is made to it.
struct CollectorEndpoint: Hashable, Sendable {
    let address: TransportAddress
    /// The `:authority` of calls.
    let authority: String
    /// The name that its certificate must be for; `nil` for the address's own.
    let serverName: String?
}

/// Finds the endpoints behind a client's targets: each address of a host name is one.
struct EndpointResolver: Sendable {
    private let targets: [TransportAddress]

    init(_ targets: [String]) throws(ClientError) {
        var addresses: [TransportAddress] = []
        for target in targets {
            guard let address = TransportAddress(parsing: target) else {
                throw ClientError(
                    code: .invalidConfiguration,
                    message: "a target is '\(target)'; it must be HOST:PORT, [IPV6]:PORT or unix:PATH")
            }
            if !addresses.contains(address) { addresses.append(address) }
        }
        self.targets = addresses
    }

    /// All endpoints, those of the first target first. A name that can't be resolved keeps the endpoints that it had.
    ///
    /// - Throws: when there is none at all; the error tells of the first name.
    func resolve(known: [CollectorEndpoint]) async throws(TransportError) -> [CollectorEndpoint] {
        var endpoints: [CollectorEndpoint] = []
        var failure: TransportError?
        for target in self.targets {
            do throws(TransportError) {
                let addresses = try await AddressResolver.addresses(of: target)
                endpoints += addresses.map { address in
                    CollectorEndpoint(
                        address: address, authority: target.authority,
                        serverName: address == target ? nil : target.host)
                }
            } catch {
                failure = failure ?? error
                endpoints += known.filter { $0.authority == target.authority }
            }
        }
        if endpoints.isEmpty, let failure { throw failure }
        return endpoints
    }
}
