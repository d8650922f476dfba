internal import DocketModel

/// Maps a CloudTrail record onto an event (docs/import.md has the table). The whole record stays in `attributes`,
/// byte for byte; the fields are what people search for.
struct CloudTrailMapping {
    private let limits: Limits

    init(_ limits: Limits) { self.limits = limits }

    func event(from record: RawRecord, _ eventID: EventID) throws(ImportError) -> Event {
        let members = try naming(record.line, endsWithFile: record.endsWithFile) { () throws(ModelError) in
            try JSONValue(parsing: record.bytes, maxDepth: self.limits.maxAttributesDepth).object()
        }
        let root = Node(members, maxBytes: self.limits.maxIndexedFieldBytes)
        guard root["Records"].value == nil else {
            throw ImportError(
                code: .malformed, line: record.line,
                message: "the line holds a list of Records; write one record a line first: jq -c '.Records[]'")
        }
        var event = Event(
            eventID: eventID, type: "aws.cloudtrail", occurredAt: try self.occurredAt(root, line: record.line))
        guard let action = root["eventName"].text ?? root["eventType"].text else {
            throw ImportError(
                code: .invalidField, line: record.line,
                message:
                    "eventName is missing or longer than \(self.limits.maxIndexedFieldBytes) bytes; check that "
                    + "the file holds CloudTrail records")
        }
        event.action = action
        event.sourceEventID = root["eventID"].text
        event.requestID = root["requestID"].text
        event.source = root["eventSource"].text
        event.scope = root["recipientAccountId"].text ?? root["userIdentity"]["accountId"].text
        self.mapIdentity(root["userIdentity"], &event)
        self.mapOutcome(root, &event)
        event.resource = CloudTrailResource.find(in: root)
        self.mapSizes(root["additionalEventData"], &event)
        event.attributes = String(decoding: record.bytes, as: UTF8.self)
        return event
    }

    /// `eventTime`, or the `@timestamp` that Logstash puts in its place.
    private func occurredAt(_ root: Node, line: Int) throws(ImportError) -> Timestamp {
        for name in ["eventTime", "@timestamp"] {
            guard let text = root[name].value?.string else { continue }
            guard let time = Timestamp(rfc3339: text) else {
                throw ImportError(
                    code: .invalidField, line: line,
                    message: "\(name) is \"\(excerpt(text))\"; it must be an RFC 3339 time of the years 1 to 9999")
            }
            return time
        }
        throw ImportError(
            code: .invalidField, line: line,
            message: "neither eventTime nor @timestamp is there; check that the file holds CloudTrail records")
    }

    private func mapIdentity(_ identity: Node, _ event: inout Event) {
        let names = ["arn", "principalId", "userName", "invokedBy", "accountId"]
        // Who lent the role: the account on whose authority the session acts.
        let issuer = identity["sessionContext"]["sessionIssuer"]["arn"].text
        let actor = Actor(
            kind: identity["type"].text, id: names.lazy.compactMap { identity[$0].text }.first, userID: issuer)
        event.actor = actor.isEmpty ? nil : actor
        // Keys that begin with ASIA are temporary: each belongs to one session (IAM User Guide, "Unique identifiers").
        event.sessionID = identity["accessKeyId"].text.flatMap { $0.hasPrefix("ASIA") ? $0 : nil }
    }

    /// CloudTrail names errors only; a console sign-in tells its failure in the response instead.
    private func mapOutcome(_ root: Node, _ event: inout Event) {
        let code = root["errorCode"].value?.string
        let message = root["errorMessage"].value?.string
        let signInFailed = root["responseElements"]["ConsoleLogin"].text == "Failure"
        guard code != nil || message != nil || signInFailed else {
            event.outcome = .success
            event.decision = .allow
            return
        }
        event.outcome = Self.isServerFault(code ?? "") ? .error : .failure
        // After another failure it isn't known whether the call had been allowed.
        if Self.isDenial(code ?? "") || signInFailed { event.decision = .deny }
        event.reason = (message ?? code).flatMap { $0.utf8.count <= self.limits.maxReasonBytes ? $0 : nil }
    }

    /// `AccessDenied`, `AccessDeniedException`, `Client.UnauthorizedOperation`, …
    static func isDenial(_ errorCode: String) -> Bool {
        let name = errorCode.split(separator: ".").last ?? ""
        return ["AccessDenied", "Unauthorized", "NotAuthorized"].contains { name.hasPrefix($0) }
    }

    /// `InternalFailure`, `Server.InternalError`, `ServiceUnavailableException`, …
    static func isServerFault(_ errorCode: String) -> Bool {
        let parts = errorCode.split(separator: ".")
        let name = parts.last ?? ""
        return parts.first == "Server" && parts.count > 1
            || ["Internal", "ServiceUnavailable", "ServiceFailure", "ServerException"].contains { name.hasPrefix($0) }
    }

    /// S3 writes how much it transferred, as numbers with a fraction of zero.
    private func mapSizes(_ data: Node, _ event: inout Event) {
        func size(_ name: String) -> Int64? {
            data[name].value?.double.flatMap { Int64(exactly: $0) }.flatMap { $0 >= 0 ? $0 : nil }
        }
        let payload = PayloadFingerprint(
            inSizeBytes: size("bytesTransferredIn"), outSizeBytes: size("bytesTransferredOut"))
        event.payload = payload.isEmpty ? nil : payload
    }
}

/// A place in a record that may not be there: members of what isn't an object are absent.
struct Node {
    let value: JSONValue?
    private let members: JSONObject?
    private let maxBytes: Int

    init(_ value: JSONValue?, maxBytes: Int) {
        self.value = value
        self.members = value?.kind == .object ? try? value?.object() : nil
        self.maxBytes = maxBytes
    }

    init(_ members: JSONObject, maxBytes: Int) {
        self.value = nil
        self.members = members
        self.maxBytes = maxBytes
    }

    subscript(_ name: String) -> Node { Node(self.members?[name], maxBytes: self.maxBytes) }

    /// The elements of an array; none for anything else.
    var elements: [Node] { self.value?.elements?.map { Node($0, maxBytes: self.maxBytes) } ?? [] }

    /// A string that a field of the event takes: neither empty nor too long.
    var text: String? {
        guard let text = self.value?.string, !text.isEmpty, self.fits(text) else { return nil }
        return text
    }

    /// Whether a field of the event takes the text.
    func fits(_ text: String) -> Bool { text.utf8.count <= self.maxBytes }
}

/// Finds what a call was about: in the record's own list of resources, or in the parameters that name one without
/// doubt.
enum CloudTrailResource {
    /// The parameters that name a resource, by the service they belong to.
    private static let parameters: [(source: String, name: String, type: String)] = [
        ("ec2.amazonaws.com", "instanceId", "AWS::EC2::Instance"),
        ("ec2.amazonaws.com", "volumeId", "AWS::EC2::Volume"),
        ("ec2.amazonaws.com", "groupId", "AWS::EC2::SecurityGroup"),
        ("iam.amazonaws.com", "roleName", "AWS::IAM::Role"),
        ("iam.amazonaws.com", "userName", "AWS::IAM::User"),
        ("iam.amazonaws.com", "groupName", "AWS::IAM::Group"),
        ("iam.amazonaws.com", "policyArn", "AWS::IAM::ManagedPolicy"),
        ("kms.amazonaws.com", "keyId", "AWS::KMS::Key"),
        ("lambda.amazonaws.com", "functionName", "AWS::Lambda::Function"),
        ("secretsmanager.amazonaws.com", "secretId", "AWS::SecretsManager::Secret"),
        ("dynamodb.amazonaws.com", "tableName", "AWS::DynamoDB::Table"),
        ("sts.amazonaws.com", "roleArn", "AWS::IAM::Role"),
    ]

    static func find(in root: Node) -> Resource? {
        self.listed(in: root["resources"])
            ?? self.parameter(in: root["requestParameters"], source: root["eventSource"].text)
    }

    /// The first resource with an ARN, else the first with the beginning of one.
    private static func listed(in list: Node) -> Resource? {
        for name in ["ARN", "ARNPrefix"] {
            for resource in list.elements {
                guard let id = resource[name].text else { continue }
                return Resource(type: resource["type"].text, id: id)
            }
        }
        return nil
    }

    private static func parameter(in parameters: Node, source: String?) -> Resource? {
        guard let source else { return nil }
        if source == "s3.amazonaws.com", let bucket = parameters["bucketName"].text {
            guard let key = parameters["key"].text, parameters.fits("\(bucket)/\(key)") else {
                return Resource(type: "AWS::S3::Bucket", id: bucket)
            }
            return Resource(type: "AWS::S3::Object", id: "\(bucket)/\(key)")
        }
        for entry in Self.parameters where entry.source == source {
            if let id = parameters[entry.name].text { return Resource(type: entry.type, id: id) }
        }
        let instances = parameters["instancesSet"]["items"].elements
        guard source == "ec2.amazonaws.com", instances.count == 1, let id = instances[0]["instanceId"].text else {
            return nil
        }
        return Resource(type: "AWS::EC2::Instance", id: id)
    }
}
