import DocketMessages
import Testing

@Suite("Descriptors")
struct DescriptorPoolTests {
    @Test("are found by file and by every sort of symbol, with what the file imports, each file once")
    func finding() throws {
        let pool = try DescriptorPool.docket()
        let collector = try #require(pool.files(named: "docket/v1/collector.proto"))
        // collector.proto imports event.proto and status.proto, which imports any.proto.
        #expect(collector.count == 4 && Set(collector).count == 4)
        for symbol in [
            "docket.v1.CollectorService", "docket.v1.CollectorService.PublishStream", "docket.v1.PublishRequest",
            "docket.v1.PublishRequest.producer_id",
        ] {
            #expect(pool.files(declaring: symbol)?.first == collector.first, "\(symbol)")
        }
        #expect(pool.files(declaring: "grpc.health.v1.HealthCheckResponse.ServingStatus")?.count == 1)
        #expect(pool.declares("grpc.health.v1.HealthCheckResponse.SERVING"), "a value is its enumeration's sibling")
        #expect(pool.files(named: "nowhere.proto") == nil && pool.files(declaring: "docket.v1.Nothing") == nil)
    }

    @Test("that are cut off are refused")
    func malformed() throws {
        #expect(throws: MessageError.self) { try DescriptorPool(serialized: [0x0A, 0x05, 0x0A, 0x01]) }
    }
}

@Suite("Reflection messages")
struct ReflectionMessageTests {
    @Test("give the question, and the response quotes the request")
    func questions() throws {
        let file = try ReflectionRequestMessage(serialized: [0x1A, 1, UInt8(ascii: "f")])
        #expect(file.question == .file(name: "f"))
        let symbol = try ReflectionRequestMessage(serialized: [0x0A, 1, UInt8(ascii: "h"), 0x22, 1, UInt8(ascii: "s")])
        #expect(symbol.question == .symbol("s"))
        #expect(try ReflectionRequestMessage(serialized: [0x3A, 0]).question == .services)
        #expect(try ReflectionRequestMessage(serialized: []).question == .unknown)
        let response = symbol.response(.failure(code: 5, message: "no"))
        let quoted: [UInt8] = [
            0x0A, 1, UInt8(ascii: "h"), 0x12, 6, 0x0A, 1, UInt8(ascii: "h"), 0x22, 1, UInt8(ascii: "s"),
        ]
        #expect(response == quoted + [0x3A, 6, 0x08, 5, 0x12, 2] + Array("no".utf8))
    }

    @Test("that are no such message, or hold text that isn't, are refused")
    func malformed() {
        for bytes: [UInt8] in [[0x1A, 9], [0x1A, 1, 0xFF], [0x1A, 1, 0x00]] {
            #expect(throws: MessageError.self) { try ReflectionRequestMessage(serialized: bytes) }
        }
    }
}
