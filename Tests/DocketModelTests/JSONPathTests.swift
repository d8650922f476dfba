import DocketModel
import Testing

/// That PostgreSQL answers the same is shown where tails are compared with exports, on random attributes.
@Suite("The text of a value at a place")
struct JSONPathTests {
    private func text(_ pointer: String, of json: String) throws -> String? {
        try JSONValue(parsing: Array(json.utf8)).text(at: try #require(JSONPointer(pointer)))
    }

    @Test("is a string's content, or the text of another value as it was written")
    func values() throws {
        let json = #"{"a": "x\u00e9", "b": 1.0E+2, "c": true, "d": [1, {"e": null}], "": 7, "f/g": {"": "in"}}"#
        for (pointer, expected) in [
            ("/a", "xé"), ("/b", "1.0E+2"), ("/c", "true"), ("/d", #"[1, {"e": null}]"#), ("/d/0", "1"), ("/", "7"),
            ("/f~1g/", "in"),
        ] {
            #expect(try self.text(pointer, of: json) == expected, "\(pointer)")
        }
    }

    @Test("is none for null, and where there is nothing")
    func nothing() throws {
        let json = #"{"a": null, "b": [1], "c": "text"}"#
        for pointer in ["/a", "/x", "/b/1", "/b/x", "/b/0/0", "/c/0", "/c/text", "/A"] {
            #expect(try self.text(pointer, of: json) == nil, "\(pointer)")
        }
    }

    @Test("where a name stands twice, is that of the last place that the path leads to")
    func twice() throws {
        #expect(try self.text("/a", of: #"{"a": 1, "a": 2}"#) == "2")
        #expect(try self.text("/a", of: #"{"a": 1, "a": null}"#) == nil)
        #expect(try self.text("/a/b", of: #"{"a": {"b": 1}, "a": {"c": 2}}"#) == "1")
        #expect(try self.text("/a/b", of: #"{"a": {"b": 1}, "a": null}"#) == "1")
        // Two names that only look the same.
        #expect(try self.text("/\u{E9}", of: "{\"e\u{301}\": 1}") == nil)
    }

    @Test("of an array is that of the index, a negative one counted from the end")
    func indexes() throws {
        for (token, expected) in [
            ("0", "a"), ("2", "c"), ("-1", "c"), ("-3", "a"), ("-4", nil), ("3", nil), ("01", "b"), ("+1", "b"),
            (" 1", "b"),
            ("1 ", nil), ("", nil), ("-", nil), ("1.0", nil), ("2147483648", nil), ("99999999999999999999", nil),
        ] {
            #expect(try self.text("/\(token)", of: #"["a", "b", "c"]"#) == expected, "'\(token)'")
        }
    }
}
