import DocketModel
import DocketTestSupport
import Testing

@Suite("CloudEvents export")
struct ExportCloudEventsTests {
    @Test("an event with every field, byte for byte")
    func full() {
        let stored = EventSamples.full
        let expected =
            #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8057","source":"gateway","#
            + #""type":"authz.decision","subject":"tool/shell","time":"2023-01-27T18:28:08.129781Z","#
            + #""datacontenttype":"application/json","tenant":"acme","receivedat":"2023-01-27T18:28:09Z","#
            + #""batchid":"9223372036854775807","position":3,"logindex":"42","#
            + #""traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00","#
            + #""data":\#(stored.event.json)}"# + "\n"
        #expect(stored.exported(.cloudevents, logIndex: 42) == expected)
    }

    @Test("an event with the least, byte for byte")
    func minimal() {
        let expected =
            #"{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000001","source":"urn:docket:tenant:acme","#
            + #""type":"a.b","time":"1970-01-01T00:00:00Z","datacontenttype":"application/json","tenant":"acme","#
            + #""receivedat":"1970-01-01T00:00:01Z","batchid":"7","position":0,"#
            + #""data":{"event_id":"00000000-0000-0000-0000-000000000001","type":"a.b","#
            + #""occurred_at":"1970-01-01T00:00:00Z","obligations":[]}}"# + "\n"
        #expect(EventSamples.minimalStored.exported(.cloudevents) == expected)
    }

    @Test(
        "the subject tells type and id apart, and is left out rather than empty",
        arguments: [
            (nil, nil, nil), ("", nil, nil), (nil, "", nil), ("", "", nil), ("tool", nil, "tool"),
            ("tool", "", "tool/"),
            (nil, "x", "/x"), ("pods/log", "a/b", "pods%2Flog/a/b"), ("a%b", "100%", "a%25b/100%25"),
            ("file", "a\nb\u{7F}\u{85}", "file/a%0Ab%7F%C2%85"), ("n", "\u{FFFF}", "n/%EF%BF%BF"),
            ("n", "\u{10FFFF}", "n/%F4%8F%BF%BF"), ("ö", "漢 🧨", "ö/漢 🧨"),
        ] as [(String?, String?, String?)])
    func subject(type: String?, id: String?, subject: String?) throws {
        var stored = EventSamples.minimalStored
        stored.event.resource = Resource(type: type, id: id)
        #expect(try stored.exportedObject(.cloudevents)["subject"]?.string == subject)
    }

    @Test("a trace without a span has no traceparent; an empty source counts as none")
    func halves() throws {
        var stored = EventSamples.minimalStored
        stored.event.traceID = TraceID(high: 1, low: 2)
        stored.event.source = ""
        let object = try stored.exportedObject(.cloudevents)
        #expect(object["traceparent"] == nil)
        #expect(object["source"]?.string == "urn:docket:tenant:acme")
    }

    @Test("every event is a CloudEvent that holds the whole event: random events")
    func random() throws {
        var random = RandomEvents(seed: testSeed())
        let grammar = try URIReferenceGrammar()
        for _ in 0..<300 {
            var stored = EventSamples.minimalStored
            stored.event = random.event(type: "a.b")
            let object = try stored.exportedObject(.cloudevents)
            for name in object.names {
                #expect(name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }, "\(name)")
                guard name != "data", let text = object[name]?.string else { continue }
                #expect(!text.isEmpty, "\(name)")
                #expect(
                    !text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }, "\(name)")
            }
            for name in ["specversion", "id", "source", "type"] { #expect(object[name]?.kind == .string, "\(name)") }
            #expect(grammar.matches(object["source"]?.string ?? ""))
            let data = try #require(object["data"])
            #expect(data.text == stored.event.json)
        }
    }
}

@Suite("URI references")
struct URIReferenceTests {
    @Test(
        "what is one stays as it is",
        arguments: [
            "gateway", "https://example.com/a/b?c=d&e=f#g", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "/sensors/1",
            "mailto:a@example.com", "1-555-123-4567", "https://u:p@example.com:8443/", "http://[2001:db8::1]:80/x",
            "//host/x",
            "?q", "#f", "a%20b", "../x", "file:///etc/passwd", "a/b:c", "x:", "svc?a/b?c", "",
        ])
    func keeps(text: String) throws {
        #expect(uriReference(text) == text)
        #expect(try URIReferenceGrammar().matches(text))
    }

    @Test(
        "what the grammar doesn't allow is percent-encoded",
        arguments: [
            ("my service", "my%20service"), ("1:b", "1%3Ab"), (":", "%3A"), ("a b:c", "a%20b%3Ac"), ("100%", "100%25"),
            ("%zz", "%25zz"), ("%4", "%254"), ("a#b#c", "a#b%23c"), ("[x]", "%5Bx%5D"), ("ö", "%C3%B6"),
            ("🧨", "%F0%9F%A7%A8"),
            ("http://a b/", "http://a%20b/"), ("http://h:x/", "http://h%3Ax/"), ("http://[x]/", "http://%5Bx%5D/"),
            ("//a@b@c", "//a%40b@c"), ("a\\b", "a%5Cb"), ("\"<>^`{|}", "%22%3C%3E%5E%60%7B%7C%7D"), ("\n", "%0A"),
            ("pkg:a b", "pkg:a%20b"),
        ])
    func encodes(text: String, encoded: String) throws {
        #expect(uriReference(text) == encoded)
        #expect(try URIReferenceGrammar().matches(encoded))
        #expect(try !URIReferenceGrammar().matches(text))
    }

    @Test("whatever the text, the result is one, and encoding it again changes nothing: random texts")
    func random() throws {
        var random = SeededGenerator.ofRun()
        let grammar = try URIReferenceGrammar()
        let alphabet = Array("ab1:/?#[]@%20fF .ö-")
        for _ in 0..<2000 {
            let length = Int.random(in: 0...10, using: &random)
            let text = String((0..<length).map { _ in alphabet.randomElement(using: &random) ?? "x" })
            let reference = uriReference(text)
            #expect(grammar.matches(reference), "\(text) became \(reference)")
            // What is one already must not change.
            if grammar.matches(text) { #expect(reference == text) }
            #expect(uriReference(reference) == reference, "\(text)")
        }
    }
}

/// RFC 3986, appendix A, with addresses in brackets taken loosely.
private struct URIReferenceGrammar {
    private let regex: Regex<AnyRegexOutput>

    init() throws {
        let unreserved = #"A-Za-z0-9\-._~"#
        let delimiters = #"!$\&'()*+,;="#
        let escape = "%[0-9A-Fa-f]{2}"
        let character = "(?:[\(unreserved)\(delimiters):@]|\(escape))"
        let characterWithoutColon = "(?:[\(unreserved)\(delimiters)@]|\(escape))"
        let name = "(?:[\(unreserved)\(delimiters)]|\(escape))*"
        let user = "(?:(?:[\(unreserved)\(delimiters):]|\(escape))*@)?"
        let authority = "//\(user)(?:\\[[0-9A-Fa-f:.]+\\]|\(name))(?::[0-9]*)?"
        let segments = "(?:/\(character)*)*"
        let absolute = "/(?:\(character)+\(segments))?"
        let tail = "(?:\\?(?:\(character)|[/?])*)?(?:\\#(?:\(character)|[/?])*)?"
        let uri = "[A-Za-z][A-Za-z0-9+.\\-]*:(?:\(authority)\(segments)|\(absolute)|\(character)+\(segments)|)\(tail)"
        let relative = "(?:\(authority)\(segments)|\(absolute)|\(characterWithoutColon)+\(segments)|)\(tail)"
        self.regex = try Regex("(?:\(uri)|\(relative))")
    }

    func matches(_ text: String) -> Bool { text.wholeMatch(of: self.regex) != nil }
}
