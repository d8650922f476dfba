import DocketCodec
import DocketModel
import DocketTestSupport
import Foundation
import Testing

@Suite("Delegation chains as JSON")
struct DelegationJSONTests {
    @Test("a chain is an array of objects, outermost first, without keys for what is absent")
    func form() {
        let chain = [Actor(kind: "user", id: "alice", userID: "a-1"), Actor(), Actor(id: "")]
        #expect(DelegationJSON.encode(chain) == #"[{"kind":"user","id":"alice","user_id":"a-1"},{},{"id":""}]"#)
        #expect(DelegationJSON.encode([]) == "[]")
    }

    @Test("quotes, backslashes and control characters are escaped; nothing else is")
    func escapes() {
        let text = "\"\\/\n\t\u{1}\u{1F}\u{7F}é🧨"
        #expect(DelegationJSON.encode([Actor(id: text)]) == #"[{"id":"\"\\/\u000a\u0009\u0001\u001f"# + "\u{7F}é🧨\"}]")
    }

    @Test("random chains come back as they were, and are JSON to Foundation and the scanner")
    func roundTrip() throws {
        var random = RandomEvents(seed: testSeed())
        for _ in 0..<500 {
            let chain = (0..<Int(random.generator.next() % 5)).map { _ in
                Actor(
                    kind: random.maybe { $0.text() }, id: random.maybe { $0.text() }, userID: random.maybe { $0.text() }
                )
            }
            let text = DelegationJSON.encode(chain)
            #expect(try DelegationJSON.decode(text) == chain)
            #expect(try JSONScanner.scan(Array(text.utf8).span, maxDepth: 2) == .array)
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(text.utf8)) }
        }
    }

    @Test("the column that a batch writes is the same text")
    func column() throws {
        var event = Event(
            eventID: EventID(high: 1, low: 2), type: "t", occurredAt: Timestamp(microsecondsSinceEpoch: 3))
        event.delegation = [Actor(kind: "agent", id: "a\"b\u{2}"), Actor(userID: "ü")]
        let tuples = try Bench().encode([event]).tuples
        let text = Array(DelegationJSON.encode(event.delegation).utf8)
        #expect(tuples.indices.contains { tuples[$0...].starts(with: text) })
    }

    @Test("white space, other orders of keys and all escapes of JSON are read")
    func lenient() throws {
        let text = " [ { \"id\" : \"\\u0041\\uD83E\\uDDE8\\b\\f\\n\\r\\t\\/\\\"\\\\\" , \"kind\":\"k\" } , { } ] "
        #expect(try DelegationJSON.decode(text) == [Actor(kind: "k", id: "A🧨\u{8}\u{C}\n\r\t/\"\\"), Actor()])
        #expect(try DelegationJSON.decode(" [ ] ") == [])
    }

    @Test(
        "anything else is an error",
        arguments: [
            "", "{}", "[", "[1]", "[{]", "[{}", "[{},]", "[{}] x", "[{\"kind\":1}]", "[{\"other\":\"x\"}]",
            "[{\"id\":\"x}]", "[{\"id\":null}]",
            "[{\"id\":\"\\ud800\"}]", "[{\"id\":\"\\udc00\"}]", "[{\"id\":\"\\ud800\\u0041\"}]", "[{\"id\":\"\\u12\"}]",
            "[{\"id\":\"\\q\"}]",
            "[{\"id\":\"\n\"}]", "[{\"id\"}]", "[{\"id\":\"a\" \"kind\":\"b\"}]",
        ])
    func errors(_ text: String) {
        #expect(throws: CodecError.self) { try DelegationJSON.decode(text) }
    }
}
