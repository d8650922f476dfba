import DocketEvents
import DocketModel
import Foundation
import Testing

@Suite("Attributes of an event")
struct AttributeTests {
    private enum Colour: String, CaseIterable, AttributeValue { case red, blue }
    private struct Place: RawRepresentable, AttributeValue { var rawValue: Int }

    private struct Request: Encodable {
        var path = "/a/b"
        var at = Date(timeIntervalSince1970: 0)
        var size = 7
        var parts: [String: Double] = ["x": 0.5]
    }

    private func attributes(_ members: AttributeObject) -> String? { Event("t").attributes(members).attributes }

    @Test("are written as a dictionary, in its order")
    func dictionary() {
        let size = 7
        #expect(
            self.attributes(["method": "GET", "bytes": size, "ok": true, "share": 0.25, "all": UInt64.max])
                == #"{"method":"GET","bytes":7,"ok":true,"share":0.25,"all":18446744073709551615}"#)
        #expect(self.attributes([:]) == "{}")
        #expect(self.attributes(AttributeObject([("a", 1), ("b", "2")])) == #"{"a":1,"b":"2"}"#)
    }

    @Test("can hold enumerations, arrays and objects")
    func nested() {
        #expect(
            self.attributes([
                "colour": Colour.red, "place": Place(rawValue: 3), "tags": ["a", "b"], "none": [Int](),
                "client": ["name": "curl", "major": 8] as AttributeObject, "labels": ["z": 1, "a": 2],
            ])
                == #"{"colour":"red","place":3,"tags":["a","b"],"none":[],"client":{"name":"curl","major":8},"#
                + #""labels":{"a":2,"z":1}}"#)
    }

    @Test("without a value are left out; in an array null stands for them")
    func absent() {
        let name: String? = nil
        #expect(self.attributes(["a": name, "b": Int?.some(1), "c": [1, nil], "d": name]) == #"{"b":1,"c":[1,null]}"#)
        #expect(self.attributes(["a": [[Int?.none]], "b": ["x": name]]) == #"{"a":[[null]],"b":{}}"#)
        #expect(Event("t").decided(.allow, obligations: [1, name], evaluatedRules: name).obligations == "[1,null]")
    }

    @Test("escape what JSON demands")
    func escapes() throws {
        let event = Event("t").attributes(["a\"\n": "\\\u{1}é"])
        #expect(event.attributes == #"{"a\"\n":"\\\u0001é"}"#)
        try event.check(Limits())
    }

    @Test("that JSON has no number for become null, for the collector to judge", arguments: [Double.nan, .infinity])
    func notFinite(_ value: Double) {
        #expect(self.attributes(["a": value, "b": Float(value)]) == #"{"a":null,"b":null}"#)
        #expect(self.attributes(["a": Float(0.1), "b": 1e300, "c": -0.0]) == #"{"a":0.1,"b":1e+300,"c":-0.0}"#)
    }

    @Test("are added to those that are there", arguments: [nil, "{}", "{ }"] as [String?])
    func added(_ before: String?) {
        var event = Event("t")
        event.attributes = before
        #expect(event.attributes(["a": 1]).attributes == #"{"a":1}"#)
        #expect(event.attributes(["a": 1]).attributes([:]).attributes == #"{"a":1}"#)
        #expect(
            event.attributes(["a": 1]).attributes(["b": 2]).attributes(["a": 3]).attributes == #"{"a":1,"b":2,"a":3}"#)
    }

    @Test("come from whatever is Encodable and becomes an object")
    func encodable() throws {
        let event = try Event("t").attributes(["first": 1]).attributes(encoding: Request())
        #expect(
            event.attributes
                == #"{"first":1,"at":"1970-01-01T00:00:00Z","parts":{"x":0.5},"path":"/a/b","size":7}"#)
        try event.check(Limits())
    }

    @Test("can't come from what becomes no object, or no JSON")
    func notEncodable() throws {
        let list = #expect(throws: EventsError.self) { try Event("t").attributes(encoding: [1, 2]) }
        #expect(list?.code == .notAnObject)
        #expect(
            list?.message == "a Array<Int> becomes [1,2]; attributes are a JSON object: encode a structure or a "
                + "dictionary with texts as keys")
        let nan = #expect(throws: EventsError.self) { try Event("t").attributes(encoding: ["a": Double.nan]) }
        #expect(nan?.code == .notEncodable && nan?.cause is EncodingError)
    }
}
