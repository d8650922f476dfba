import DocketModel
import Testing

@Suite("A JSON Pointer")
struct JSONPointerTests {
    @Test(
        "has the tokens that RFC 6901 gives it, and is written as it was read",
        arguments: [
            ("/foo", ["foo"]), ("/foo/0", ["foo", "0"]), ("/", [""]), ("/a~1b", ["a/b"]), ("/c%d", ["c%d"]),
            ("/i\\j", ["i\\j"]), ("/k\"l", ["k\"l"]), ("/ ", [" "]), ("/m~0n", ["m~n"]), ("/~01", ["~1"]),
            ("//", ["", ""]),
            ("/é/🗂", ["é", "🗂"]),
        ])
    func tokens(text: String, tokens: [String]) throws {
        let pointer = try #require(JSONPointer(text))
        #expect(pointer.tokens == tokens)
        #expect("\(pointer)" == text)
    }

    @Test("is none without a slash in front, with a tilde that escapes nothing, or of more bytes than it may have")
    func refused() {
        for text in ["", "a", "a/b", "/~", "/~2", "/a~", "#/a"] { #expect(JSONPointer(text) == nil, "\(text)") }
        #expect(JSONPointer("/" + String(repeating: "a", count: JSONPointer.maxBytes - 1)) != nil)
        #expect(JSONPointer("/" + String(repeating: "a", count: JSONPointer.maxBytes)) == nil)
    }
}
