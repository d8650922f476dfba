import NIOCore
import Testing

@testable import DocketTransport

@Suite("Admission")
struct AdmissionTests {
    private let limits = {
        var limits = AdmissionLimits()
        (limits.maxConnections, limits.maxConnectionsPerPeer, limits.maxCalls, limits.maxCallsPerPeer) = (3, 2, 3, 2)
        return limits
    }()

    @Test("a peer has so many connections, all peers so many, and whoever leaves makes room")
    func connections() throws {
        let admission = Admission(limits: self.limits)
        let first = try admission.connect(.v4(1)).get()
        let again = try admission.connect(.v4(1)).get()
        #expect(throws: Admission.BoundReached(bound: .peer)) { try admission.connect(.v4(1)).get() }
        let other = try admission.connect(.v4(2)).get()
        #expect(throws: Admission.BoundReached(bound: .server)) { try admission.connect(.local).get() }
        admission.leave(first)
        _ = try admission.connect(.v4(1)).get()
        admission.leave(again)
        admission.leave(other)
        #expect(admission.peerCount == 1)
    }

    @Test("a peer has so many calls, whatever its connections; all peers have so many")
    func calls() throws {
        let admission = Admission(limits: self.limits)
        let peers = try [
            admission.connect(.v4(1)).get(), admission.connect(.v4(1)).get(), admission.connect(.v4(2)).get(),
        ]
        #expect(admission.beginCall(of: peers[0]) == nil)
        #expect(admission.beginCall(of: peers[1]) == nil)
        #expect(admission.beginCall(of: peers[0]) == .peer)
        admission.endCall(of: peers[0])
        #expect(admission.beginCall(of: peers[2]) == nil)
        #expect(admission.beginCall(of: peers[2]) == .server)
        admission.endCall(of: peers[2])
        #expect(admission.callCount == 3)
    }

    @Test("the last tenth is for peers that have a hundredth at most")
    func reserve() throws {
        var limits = AdmissionLimits()
        (limits.maxConnections, limits.maxConnectionsPerPeer) = (1_000, 500)
        (limits.maxCalls, limits.maxCallsPerPeer) = (1_000, 1_000)
        let admission = Admission(limits: limits)
        let full = Admission.BoundReached(bound: .server)
        let first = try admission.connect(.v4(1)).get()
        for _ in 1..<500 { _ = try admission.connect(.v4(1)).get() }
        for _ in 0..<400 { _ = try admission.connect(.v4(2)).get() }
        #expect(throws: full) { try admission.connect(.v4(2)).get() }
        let modest = try admission.connect(.v4(3)).get()
        for _ in 1..<10 { _ = try admission.connect(.v4(3)).get() }
        #expect(throws: full) { try admission.connect(.v4(3)).get() }

        for _ in 0..<900 { #expect(admission.beginCall(of: first) == nil) }
        #expect(admission.beginCall(of: first) == .server)
        admission.endCall(of: first)
        for _ in 0..<10 { #expect(admission.beginCall(of: modest) == nil) }
        #expect(admission.beginCall(of: modest) == .server)
    }

    @Test(
        "an IPv6 network is one peer, and an IPv4 address in IPv6 dress is itself",
        arguments: [
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:1", true), ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::1", "::ffff:192.0.2.1", false), ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ])
    func peers(one: String, other: String, areOne: Bool) throws {
        let keys = try [one, other].map { Admission.PeerKey(try SocketAddress(ipAddress: $0, port: 1)) }
        #expect((keys[0] == keys[1]) == areOne)
    }

    @Test("those who come by a Unix-domain socket are one peer")
    func local() throws {
        #expect(Admission.PeerKey(try SocketAddress(unixDomainSocketPath: "/a")) == .local)
        #expect(Admission.PeerKey(nil) == .local)
    }
}
