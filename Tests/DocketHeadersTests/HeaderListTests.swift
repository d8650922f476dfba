import DocketHeaders
import Testing

@Suite("A header list")
struct HeaderListTests {
    @Test("keeps the order of the wire, repeated names included")
    func order() {
        var list = HeaderList([":status": "200", "a": "1"])
        list.append("a", "2")
        list.append("empty", "")
        #expect(list.count == 4)
        #expect((0..<4).map { list.name(at: $0) } == [":status", "a", "a", "empty"])
        #expect((0..<4).map { list.value(at: $0) } == ["200", "1", "2", ""])
        #expect(list.values(of: "a") == ["1", "2"])
        #expect(list.value(of: "a") == "1")
        #expect(list.value(of: "absent") == nil)
    }

    @Test("counts its size as HTTP/2 does: 32 bytes on top of each field")
    func size() {
        #expect(HeaderList().sizeBytes == 0)
        #expect(HeaderList(["ab": "cde"]).sizeBytes == 37)
    }

    @Test("holds any bytes as a value, and repairs them only when they are read as text")
    func rawBytes() {
        var list = HeaderList()
        list.append(name: "x".utf8, value: [0xFF, 0x41])
        #expect(Array(list.valueBytes(at: 0)) == [0xFF, 0x41])
        #expect(list.value(at: 0) == "\u{FFFD}A")
    }

    @Test("shows names only, since values may be secrets")
    func description() {
        #expect("\(HeaderList(["authorization": "Bearer secret"]))" == "[authorization]")
    }

    @Test("joins another list behind its own fields")
    func appending() {
        var list = HeaderList(["a": "1"])
        list.append(contentsOf: HeaderList(["b": "2", "c": "3"]))
        #expect(list == HeaderList(["a": "1", "b": "2", "c": "3"]))
    }
}
