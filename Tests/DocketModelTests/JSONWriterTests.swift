import DocketModel
import Testing

@Suite("JSON writing")
struct JSONWriterTests {
    @Test("commas come between members and elements, and nowhere else")
    func commas() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a")
        writer.beginArray()
        writer.integer(1)
        writer.null()
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.raw("{\"x\" : 1}")
        writer.endArray()
        writer.key("b")
        writer.bool(true)
        writer.key("c")
        writer.string("d")
        writer.endObject()
        #expect(writer.text == #"{"a":[1,null,{},[],{"x" : 1}],"b":true,"c":"d"}"#)
    }

    @Test("a string's quotes, reverse solidi and control characters are escaped, in names too; nothing else is")
    func escapes() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("\"\n")
        writer.string("\\\u{0}\u{8}\t\n\u{B}\u{C}\r\u{1F} /\u{7F}é漢🦀\u{2028}")
        writer.endObject()
        #expect(writer.text == #"{"\"\n":"\\\u0000\b\t\n\u000b\f\r\u001f /"# + "\u{7F}é漢🦀\u{2028}\"}")
    }

    @Test(
        "numbers read back as the same value; what JSON has no number for is null",
        arguments: [
            (0.0, "0.0"), (-0.0, "-0.0"), (0.1, "0.1"), (1e300, "1e+300"), (.leastNonzeroMagnitude, "5e-324"),
            (1e-5, "1e-05"),
            (.infinity, "null"), (-.infinity, "null"), (.nan, "null"),
        ])
    func doubles(value: Double, text: String) throws {
        var writer = JSONWriter()
        writer.double(value)
        #expect(writer.text == text)
        let parsed = try JSONValue(parsing: writer.bytes)
        if value.isFinite { #expect(parsed.double == value) }
    }

    @Test("line breaks of embedded text become spaces, so that a value stays one line")
    func rawLineBreaks() {
        var writer = JSONWriter()
        writer.raw("{\n\t\"a\":\r\n1}")
        #expect(writer.text == "{ \t\"a\":  1}")
    }

    @Test("lines are texts of their own")
    func lines() {
        var writer = JSONWriter()
        writer.integer(1)
        writer.endLine()
        writer.integer(2)
        writer.endLine()
        #expect(writer.text == "1\n2\n")
        writer.removeAll()
        writer.integer(3)
        #expect(writer.text == "3")
    }
}
