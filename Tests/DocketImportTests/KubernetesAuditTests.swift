import DocketImport
import DocketModel
import Foundation
import Testing

@Suite("Kubernetes audit import")
struct KubernetesAuditTests {
    /// A record as the files have it.
    private func line(
        cluster: String = "\"{\"\"name\"\":\"\"k8s\"\"}\"", time: String = "2023-01-27T18:28:08.129781Z",
        user: String = "alice",
        verb: String = "get", resource: String = "pods", subresource: String = "", name: String = "web-0",
        uri: String = "/api/v1/namespaces/shop/pods/web-0", uid: String = "a1b86d5d-6f8f-4058-9710-19f5cc40a68a",
        stage: String = "ResponseComplete", status: String = "200", rest: String = ",,"
    ) -> String {
        "\(cluster),\(time),\(user),\(verb),\(resource),\(subresource),\(name),,\(uri),\(uid),\(stage),\(status),\(rest)\n"
    }

    private func event(_ line: String, limits: Limits = Limits()) throws -> Event {
        let records = imported(line, .kubernetesAuditCSV, limits: limits)
        #expect(records.count == 1)
        return try #require(records.first).result.get()
    }

    @Test("a record becomes an event, field by field")
    func mapping() throws {
        let event = try self.event(self.line(subresource: "log"))
        #expect(event.type == "kubernetes.audit")
        #expect(event.occurredAt.rfc3339 == "2023-01-27T18:28:08.129781Z")
        #expect(event.sourceEventID == "a1b86d5d-6f8f-4058-9710-19f5cc40a68a")
        #expect(event.requestID == event.sourceEventID)
        #expect(event.actor == Actor(kind: "user", id: "alice"))
        #expect(event.action == "get")
        #expect(event.resource == Resource(type: "pods/log", id: "web-0"))
        #expect(event.scope == "shop")
        #expect(event.source == "k8s")
        #expect(event.outcome == .success)
        #expect(event.decision == .allow)
        #expect(
            event.attributes
                == #"{"cluster":{"name":"k8s"},"stage":"ResponseComplete","request_uri":"/api/v1/namespaces/shop/pods/web-0","#
                + #""status_code":200,"subresource":"log"}"#)
    }

    @Test(
        "the user's name tells the sort of actor, and stays whole as its id",
        arguments: [
            ("kubernetes-admin", "user"), ("system:serviceaccount:argo-cd:argocd-server", "serviceaccount"),
            ("system:node:k8s-node-1", "node"), ("system:anonymous", "anonymous"), ("system:kube-scheduler", "system"),
            ("system:masters", "group"), ("system:serviceaccounts:kube-system", "group"), ("systemd", "user"),
        ])
    func actors(user: String, kind: String) throws {
        #expect(try self.event(self.line(user: user)).actor == Actor(kind: kind, id: user))
    }

    @Test(
        "the status code tells outcome and decision",
        arguments: [
            ("100", Outcome.success, Decision.allow), ("200", .success, .allow), ("201", .success, .allow),
            ("304", .success, .allow),
            ("400", .failure, .allow), ("401", .failure, .deny), ("403", .failure, .deny), ("404", .failure, .allow),
            ("409", .failure, .allow), ("500", .error, .allow), ("503", .error, .allow), ("0", nil, nil),
            ("", nil, nil),
            ("600", nil, nil), ("0200", nil, nil), ("teapot", nil, nil),
        ] as [(String, Outcome?, Decision?)])
    func status(code: String, outcome: Outcome?, decision: Decision?) throws {
        let event = try self.event(self.line(status: code))
        #expect(event.outcome == outcome)
        #expect(event.decision == decision)
    }

    @Test(
        "the namespace comes from the path",
        arguments: [
            ("/api/v1/namespaces/shop/pods?limit=1", "shop"), ("/apis/apps/v1/namespaces/shop/deployments/web", "shop"),
            ("/api/v1/watch/namespaces/shop/pods", "shop"), ("/apis/apps/v1/watch/namespaces/shop/x", "shop"),
            ("/api/v1/namespaces/shop", "shop"), ("/api/v1/namespaces", nil), ("/api/v1/nodes?x=/namespaces/shop", nil),
            ("/apis/namespaces/shop", nil), ("/readyz", nil), ("", nil), ("/api/v1/nodes/namespaces/shop", nil),
        ] as [(String, String?)])
    func namespace(uri: String, scope: String?) throws {
        #expect(try self.event(self.line(uri: uri)).scope == scope)
    }

    @Test("a request for no resource of the API is about its path")
    func nonResource() throws {
        let event = try self.event(self.line(resource: "", name: "", uri: "/readyz?verbose"))
        #expect(event.resource == Resource(type: "nonResourceURL", id: "/readyz"))
        #expect(try self.event(self.line(resource: "", name: "x", uri: "/y")).resource == Resource(id: "x"))
        #expect(try self.event(self.line(resource: "", name: "", uri: "")).resource == nil)
        #expect(try self.event(self.line(name: "")).resource == Resource(type: "pods"))
    }

    @Test(
        "what no field keeps as it stands is in the attributes",
        arguments: [
            ("timestamp", "2023-01-27T19:28:08.1297811+01:00"), ("timestamp", "2023-01-27T18:28:08.000Z"),
        ])
    func attributes(key: String, value: String) throws {
        let event = try self.event(self.line(time: value))
        let attributes = try JSONValue(parsing: Array(try #require(event.attributes).utf8)).object()
        #expect(attributes[key]?.string == value)
    }

    @Test("texts too long for their fields are kept whole in the attributes")
    func longTexts() throws {
        let long = String(repeating: "x", count: 513)
        let event = try self.event(
            self.line(
                user: long, verb: long, resource: long, name: long, uri: "/api/v1/namespaces/\(long)/pods", uid: long))
        #expect(event.actor == nil && event.action == nil && event.resource == nil && event.scope == nil)
        #expect(event.sourceEventID == nil && event.requestID == nil)
        let attributes = try JSONValue(parsing: Array(try #require(event.attributes).utf8)).object()
        for key in ["user", "verb", "resource", "name", "uid"] { #expect(attributes[key]?.string == long, "\(key)") }
        let huge = imported(self.line(uri: "/" + String(repeating: "x", count: 70_000)), .kubernetesAuditCSV)
        #expect(huge.first?.error?.message.contains("max_attributes_bytes") == true)
    }

    @Test(
        "a cluster that is no JSON object stays as text",
        arguments: ["k8s", "\"\"\"k8s\"\"\"", "\"{\"\"name\"\":\"", "[1]", "\"{}\n\""])
    func odd(cluster: String) throws {
        let event = try self.event(self.line(cluster: cluster))
        #expect(event.source == nil)
        let columns = try Self.columns(of: event)
        #expect(columns == (try Self.columns(ofLine: self.line(cluster: cluster))))
    }

    @Test(
        "a record that isn't whole is reported with its line and becomes no event",
        arguments: [
            ("a,b,c", ImportError.Code.cutOff, "the record has 3 columns of 15 and the file ends inside it"),
            ("a,b,c\n", .malformed, "the record has 3 columns of 15; check that the file is a Kubernetes audit CSV"),
            (",,,,,,,,,,,,,,,\n", .malformed, "the record has 16 columns of 15"),
            (",,,,,,,,,,,,,,,", .malformed, "the record has 16 columns of 15"),
            (
                ",yesterday,,,,,,,,,,,,,\n", .invalidField,
                #"column 2 (timestamp) is "yesterday"; it must be an RFC 3339 time"#
            ),
            (",2023-01-27T18:28:08Z,a\0b,,,,,,,,,,,,\n", .invalidField, "column 3 is not UTF-8 without U+0000"),
            ("\"{\"\"name\"\":\"\"k8s", .cutOff, "the file ends inside quoted column 1"),
        ])
    func rejects(record: String, code: ImportError.Code, message: String) throws {
        let records = imported(self.line() + record, .kubernetesAuditCSV)
        #expect(records.count == 2)
        #expect(records.first?.event != nil)
        let error = try #require(records.last?.error)
        #expect(error.line == 2 && records.last?.line == 2)
        #expect(error.code == code)
        #expect(error.message.hasPrefix(message), "\(error.message)")
        #expect("\(error)".hasPrefix("line 2: "))
    }

    @Test("bytes that are no UTF-8 are reported")
    func invalidUTF8() throws {
        let bytes = Array(self.line(name: "@").utf8).map { $0 == UInt8(ascii: "@") ? 0xFF : $0 }
        #expect(imported(bytes, .kubernetesAuditCSV).first?.error?.message.hasPrefix("column 7 is not UTF-8") == true)
    }

    @Test("every record of the sample maps, and each column can be read back; the last record is cut off")
    func sampleFile() throws {
        try self.checkFile(try sample("kubernetes-audit-sample.csv"), goodRecords: 305)
    }

    @Test("so does every record of the whole file", .enabled(if: dataSet("kubernetes-audit.csv") != nil))
    func wholeFile() throws {
        let url = try #require(dataSet("kubernetes-audit.csv"))
        try self.checkFile(Array(try Data(contentsOf: url)), goodRecords: 16_563)
    }

    private func checkFile(_ bytes: [UInt8], goodRecords: Int) throws {
        let records = imported(bytes, .kubernetesAuditCSV, chunkBytes: 10_007)
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        #expect(records.count == goodRecords + 1 && lines.count == goodRecords + 1)
        var ids: Set<EventID> = []
        for (record, line) in zip(records, lines).dropLast() {
            let event = try record.result.get()
            ids.insert(event.eventID)
            let columns = try Self.columns(of: event)
            let original = try Self.columns(ofLine: String(decoding: line, as: UTF8.self))
            #expect(columns == original, "line \(record.line)")
            #expect(
                event.source != nil && event.actor?.kind != nil && event.outcome != nil && event.resource?.type != nil)
            #expect(throws: Never.self) { try event.check(Limits()) }
        }
        #expect(ids.count == goodRecords)
        let last = try #require(records.last?.error)
        #expect(last.code == .cutOff && last.line == goodRecords + 1)
        #expect(
            last.message
                == "the record has 10 columns of 15 and the file ends inside it: it was cut off, fetch the file again")
    }

    /// The 15 columns, read back from an event: nothing of a record is lost.
    private static func columns(of event: Event) throws -> [String] {
        let attributes = try JSONValue(parsing: Array(try #require(event.attributes).utf8)).object()
        func attribute(_ key: String) -> String {
            guard let value = attributes[key] else { return "" }
            return value.string ?? value.text
        }
        func field(_ value: String?, _ key: String) -> String { value ?? attribute(key) }
        let subresource = attribute("subresource")
        var type = event.resource?.type ?? attribute("resource")
        var name = field(event.resource?.id, "name")
        if event.resource?.type == "nonResourceURL" { (type, name) = ("", "") }
        if !subresource.isEmpty, event.resource?.type != nil { type = String(type.dropLast(subresource.count + 1)) }
        return [
            attribute("cluster"), attributes["timestamp"]?.string ?? event.occurredAt.rfc3339,
            field(event.actor?.id, "user"),
            field(event.action, "verb"), type, subresource, name, attribute("response_name"), attribute("request_uri"),
            field(event.sourceEventID, "uid"), attribute("stage"), attribute("status_code"), attribute("response_uid"),
            attribute("response_owner_uid"), attribute("response_details_uid"),
        ]
    }

    /// The columns of one line of the file, by the reader alone.
    private static func columns(ofLine line: String) throws -> [String] {
        let results = cut(Array(line.utf8), by: CSVReader(maxRecordBytes: 1 << 20))
        return try #require(results.first).get().columns.map { String(decoding: $0, as: UTF8.self) }
    }
}
