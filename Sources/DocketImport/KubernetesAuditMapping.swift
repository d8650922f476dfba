internal import DocketModel

/// Maps a record of the Kubernetes audit CSV onto an event (docs/import.md has the table). Every column can be read
/// back from the event: what no field keeps as it stands is in `attributes`.
struct KubernetesAuditMapping {
    /// The columns, in order, as the `logstash.conf` of hkerma/kubernetes-event-dataset writes them.
    enum Column: Int, CaseIterable {
        case cluster, timestamp, user, verb, resource, subresource, name, responseName
        case requestURI, uid, stage, statusCode, responseUID, responseOwnerUID, responseDetailsUID
    }

    /// `resource.type` of a request for no resource of the API, such as `/readyz`; its id is the path. The term is
    /// RBAC's.
    static let nonResourceType = "nonResourceURL"

    private let limits: Limits

    init(_ limits: Limits) { self.limits = limits }

    func event(from record: RawRecord, _ eventID: EventID) throws(ImportError) -> Event {
        let columns = try self.columns(of: record)
        let timestamp = columns[Column.timestamp.rawValue]
        guard let occurredAt = Timestamp(rfc3339: timestamp) else {
            throw ImportError(
                code: .invalidField, line: record.line,
                message:
                    "column 2 (timestamp) is \"\(excerpt(timestamp))\"; it must be an RFC 3339 time "
                    + "of the years 1 to 9999"
            )
        }
        var event = Event(eventID: eventID, type: "kubernetes.audit", occurredAt: occurredAt)
        var rest = AttributesWriter(maxFieldBytes: self.limits.maxIndexedFieldBytes)
        self.mapCluster(columns, &event, &rest)
        rest.add("stage", columns[Column.stage.rawValue])
        rest.add("request_uri", columns[Column.requestURI.rawValue])
        if timestamp != occurredAt.rfc3339 { rest.add("timestamp", timestamp) }
        self.mapStatusCode(columns, &event, &rest)
        if let user = rest.field("user", columns[Column.user.rawValue]) {
            event.actor = Actor(kind: Self.actorKind(ofUser: user), id: user)
        }
        event.action = rest.field("verb", columns[Column.verb.rawValue])
        self.mapResource(columns, &event, &rest)
        event.sourceEventID = rest.field("uid", columns[Column.uid.rawValue])
        event.requestID = event.sourceEventID
        rest.add("response_name", columns[Column.responseName.rawValue])
        rest.add("response_uid", columns[Column.responseUID.rawValue])
        rest.add("response_owner_uid", columns[Column.responseOwnerUID.rawValue])
        rest.add("response_details_uid", columns[Column.responseDetailsUID.rawValue])
        event.attributes = rest.finish()
        return event
    }

    /// The record's columns as text. A record with fewer was cut off; a row that merely looks like one would be a lie.
    private func columns(of record: RawRecord) throws(ImportError) -> [String] {
        let count = record.columns.count
        let expected = Column.allCases.count
        guard count == expected else {
            let isCutOff = record.endsWithFile && count < expected
            throw ImportError(
                code: isCutOff ? .cutOff : .malformed, line: record.line,
                message: "the record has \(count) columns of \(expected)"
                    + (isCutOff
                        ? " and the file ends inside it: it was cut off, fetch the file again"
                        : "; check that the file is a Kubernetes audit CSV"))
        }
        var columns: [String] = []
        for (index, bytes) in record.columns.enumerated() {
            guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
                throw ImportError(
                    code: .invalidField, line: record.line,
                    message: "column \(index + 1) is not UTF-8 without U+0000; convert the file")
            }
            columns.append(text)
        }
        return columns
    }

    /// The cluster is a JSON object; its name is where the event comes from.
    private func mapCluster(_ columns: [String], _ event: inout Event, _ rest: inout AttributesWriter) {
        let text = columns[Column.cluster.rawValue]
        // It will stand one level below the attributes.
        let value = try? JSONValue(parsing: Array(text.utf8), maxDepth: self.limits.maxAttributesDepth - 1)
        guard let value, let members = try? value.object() else { return rest.add("cluster", text) }
        if let name = members["name"]?.string, rest.fits(name) { event.source = name.isEmpty ? nil : name }
        // White space around the object and line breaks in it would not survive being embedded.
        let isKeptWhole =
            value.text == text && !text.utf8.contains { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        if isKeptWhole { rest.addJSON("cluster", text) } else { rest.add("cluster", text) }
    }

    private func mapStatusCode(_ columns: [String], _ event: inout Event, _ rest: inout AttributesWriter) {
        let text = columns[Column.statusCode.rawValue]
        guard let code = Int(text), String(code) == text else { return rest.add("status_code", text) }
        rest.addJSON("status_code", text)
        switch code {
        case 100..<400: event.outcome = .success
        case 400..<500: event.outcome = .failure
        case 500..<600: event.outcome = .error
        default: return
        }
        event.decision = code == 401 || code == 403 ? .deny : .allow
    }

    private func mapResource(_ columns: [String], _ event: inout Event, _ rest: inout AttributesWriter) {
        let resource = columns[Column.resource.rawValue]
        let subresource = columns[Column.subresource.rawValue]
        let path = columns[Column.requestURI.rawValue].prefix { $0 != "?" }
        rest.add("subresource", subresource)
        event.scope = Self.namespace(ofPath: path).flatMap { rest.fits($0) ? $0 : nil }
        let name = rest.field("name", columns[Column.name.rawValue])
        if resource.isEmpty {
            let isPath = name == nil && subresource.isEmpty && !path.isEmpty && rest.fits(String(path))
            event.resource =
                isPath ? Resource(type: Self.nonResourceType, id: String(path)) : name.map { Resource(id: $0) }
        } else {
            let type = subresource.isEmpty ? resource : "\(resource)/\(subresource)"
            if !rest.fits(type) { rest.add("resource", resource) }
            let mapped = Resource(type: rest.fits(type) ? type : nil, id: name)
            event.resource = mapped.isEmpty ? nil : mapped
        }
    }

    /// What sort of actor a user name stands for, by the prefixes that Kubernetes reserves (its documentation,
    /// "Authenticating" and "Using RBAC Authorization").
    static func actorKind(ofUser user: String) -> String {
        let groups = ["system:masters", "system:nodes", "system:authenticated", "system:unauthenticated"]
        if user.hasPrefix("system:serviceaccount:") { return "serviceaccount" }
        if user.hasPrefix("system:node:") { return "node" }
        if user == "system:anonymous" { return "anonymous" }
        if groups.contains(user) || user.hasPrefix("system:serviceaccounts") { return "group" }
        return user.hasPrefix("system:") ? "system" : "user"
    }

    /// The namespace in the path of a request: `/api/v1/namespaces/NAME…`, `/apis/GROUP/VERSION/namespaces/NAME…`, both
    /// also behind the old `watch/`. A request for a namespace itself is in that namespace, as the API server sees it.
    static func namespace(ofPath path: some StringProtocol) -> String? {
        var parts = path.split(separator: "/", omittingEmptySubsequences: true)[...]
        switch parts.first {
        case "api": parts = parts.dropFirst(2)
        case "apis": parts = parts.dropFirst(3)
        default: return nil
        }
        if parts.first == "watch" { parts = parts.dropFirst() }
        guard parts.first == "namespaces", let name = parts.dropFirst().first else { return nil }
        return String(name)
    }
}
