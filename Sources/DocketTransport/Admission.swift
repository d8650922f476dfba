import NIOCore
import Synchronization

/// How many connections and calls a server has at once: of all peers, and of each. A peer is an IPv4 address, an IPv6 network of
/// 64 bits (whoever has one address of it has them all), or everybody who comes by a Unix-domain socket.
///
/// The last tenth of what there may be of all peers is for those that have no more than a hundredth of it: so a few peers with much
/// don't shut out the others.
package struct AdmissionLimits: Sendable, Hashable {
    /// How many connections there are at once.
    package var maxConnections = 10_000
    /// How many of them a peer has. A proxy is one peer.
    package var maxConnectionsPerPeer = 2_000
    /// How many calls are open at once.
    package var maxCalls = 100_000
    /// How many of them a peer has.
    package var maxCallsPerPeer = 50_000

    /// The documented defaults.
    package init() {}
}

/// Keeps count of peers' connections and calls, and says which are too many.
final class Admission: Sendable {
    /// Whose bound is reached.
    enum Bound: String, CaseIterable {
        case server
        case peer
    }

    /// Whom connections are counted by.
    enum PeerKey: Hashable, Sendable {
        case v4(UInt32)
        case v6Network(UInt64)
        /// Whoever is on this machine.
        case local

        init(_ address: SocketAddress?) {
            switch address {
            // Where the addresses lie in sockaddr_in and sockaddr_in6 (POSIX netinet/in.h, alike on Linux and Darwin).
            case .v4(let address):
                self = unsafe withUnsafeBytes(of: address.address) { bytes in
                    unsafe .v4(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                }
            case .v6(let address):
                self = unsafe withUnsafeBytes(of: address.address) { bytes in
                    let prefix = (0..<12).map { unsafe bytes[8 + $0] }
                    // ::ffff:a.b.c.d, an IPv4 peer at a listener for both (RFC 4291 section 2.5.5.2).
                    if prefix == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] {
                        return unsafe .v4(bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
                    }
                    return unsafe .v6Network(bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                }
            case .unixDomainSocket, nil: self = .local
            }
        }
    }

    /// A peer that has connections.
    final class Peer: Sendable {
        fileprivate let key: PeerKey
        fileprivate let calls = Atomic<Int>(0)

        fileprivate init(key: PeerKey) { self.key = key }
    }

    private struct State {
        var connections = 0
        var peers: [PeerKey: (peer: Peer, connections: Int)] = [:]
    }

    private let limits: AdmissionLimits
    private let state = Mutex(State())
    private let calls = Atomic<Int>(0)

    init(limits: AdmissionLimits) { self.limits = limits }

    /// How many peers have connections.
    var peerCount: Int { self.state.withLock { $0.peers.count } }

    /// How many calls are open.
    var callCount: Int { self.calls.load(ordering: .relaxed) }

    /// Counts a connection, unless there are too many: then the bound that is reached. Who gets a peer ``leave(_:)``s once.
    func connect(_ key: PeerKey) -> Result<Peer, BoundReached> {
        self.state.withLock { state in
            let known = state.peers[key]
            let count = known?.connections ?? 0
            guard Self.isRoom(for: count + 1, in: state.connections + 1, of: self.limits.maxConnections) else {
                return .failure(.init(bound: .server))
            }
            guard count < self.limits.maxConnectionsPerPeer else { return .failure(.init(bound: .peer)) }
            let peer = known?.peer ?? Peer(key: key)
            state.peers[key] = (peer, count + 1)
            state.connections += 1
            return .success(peer)
        }
    }

    /// A connection is gone.
    func leave(_ peer: Peer) {
        self.state.withLock { state in
            state.connections -= 1
            guard let known = state.peers[peer.key] else { return }
            state.peers[peer.key] = known.connections > 1 ? (known.peer, known.connections - 1) : nil
        }
    }

    /// Counts a call; the bound that it exceeds, if it does. It counts all the same until ``endCall(of:)``.
    func beginCall(of peer: Peer) -> Bound? {
        let all = self.calls.wrappingAdd(1, ordering: .relaxed).newValue
        let own = peer.calls.wrappingAdd(1, ordering: .relaxed).newValue
        if own > self.limits.maxCallsPerPeer { return .peer }
        return Self.isRoom(for: own, in: all, of: self.limits.maxCalls) ? nil : .server
    }

    /// Whether a peer may have that many of what there would then be in all.
    private static func isRoom(for own: Int, in all: Int, of limit: Int) -> Bool {
        all <= (own <= limit / 100 ? limit : limit - limit / 10)
    }

    /// A call is gone.
    func endCall(of peer: Peer) {
        self.calls.wrappingSubtract(1, ordering: .relaxed)
        peer.calls.wrappingSubtract(1, ordering: .relaxed)
    }

    /// There are too many.
    struct BoundReached: Error, Equatable {
        let bound: Bound
    }
}
