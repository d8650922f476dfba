import DocketTransport
import Testing

@Suite("Addresses")
struct TransportAddressTests {
    @Test(
        "are read and written in one form",
        arguments: [
            ("127.0.0.1:50051", TransportAddress.tcp(host: "127.0.0.1", port: 50_051)),
            ("collector.example:0", .tcp(host: "collector.example", port: 0)),
            ("[::1]:65535", .tcp(host: "::1", port: 65_535)),
            ("unix:/run/docket.sock", .unix(path: "/run/docket.sock")),
        ])
    func roundTrip(text: String, address: TransportAddress) {
        #expect(TransportAddress(parsing: text) == address)
        #expect(address.description == text)
    }

    @Test(
        "that are none are refused",
        arguments: ["", "host", "host:", ":1", "host:65536", "::1:50051", "unix:", "a:-1", "[]:1"])
    func refused(text: String) {
        #expect(TransportAddress(parsing: text) == nil)
    }

    @Test("limits are checked by name, and against the budget")
    func limits() throws {
        var limits = ServerConnectionLimits()
        try limits.validate(budgetBytes: 8 << 20)
        #expect(throws: TransportError.self) { try limits.validate(budgetBytes: (8 << 20) - 1) }
        limits.maxConcurrentStreams = 0
        let error = #expect(throws: TransportError.self) { try limits.validate(budgetBytes: 8 << 20) }
        #expect(error?.message.contains("maxConcurrentStreams is 0") == true)
        limits = ServerConnectionLimits()
        limits.messageTimeout = .zero
        #expect(throws: TransportError.self) { try limits.validate(budgetBytes: 8 << 20) }
    }
}
