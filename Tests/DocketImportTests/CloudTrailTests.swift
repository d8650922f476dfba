import DocketImport
import DocketModel
import Foundation
import Testing

@Suite("CloudTrail import")
struct CloudTrailTests {
    private func event(_ members: String) throws -> Event {
        let text =
            #"{"eventTime":"2020-09-14T00:44:23Z","eventName":"GetObject","eventSource":"s3.amazonaws.com"\#(members)}"#
        let records = imported(text, .cloudTrail)
        #expect(records.count == 1)
        let event = try #require(records.first).result.get()
        #expect(event.attributes == text)
        return event
    }

    @Test("a record becomes an event, field by field, and stays whole in the attributes")
    func mapping() throws {
        let records = imported(try sample("cloudtrail-sample.jsonl"), .cloudTrail)
        let event = try #require(records.compactMap(\.event).first { $0.action == "GetObject" })
        #expect(event.type == "aws.cloudtrail")
        #expect(event.source == "s3.amazonaws.com")
        #expect(event.scope == "123456789123")
        #expect(event.actor?.kind == "AssumedRole")
        #expect(event.actor?.id?.hasPrefix("arn:aws:sts::123456789123:assumed-role/") == true)
        #expect(event.actor?.userID?.hasPrefix("arn:aws:iam::123456789123:role/") == true)
        #expect(
            event.resource
                == Resource(type: "AWS::S3::Object", id: "arn:aws:s3:::mordors3stack-s3bucket-llp2yingx64a/ring.txt"))
        #expect(event.payload == PayloadFingerprint(inSizeBytes: 0, outSizeBytes: 89))
        #expect(event.outcome == .success && event.decision == .allow)
        #expect(event.sourceEventID?.count == 36 && event.requestID != nil)
        #expect(event.sessionID?.hasPrefix("ASIA") == true)
    }

    @Test("the time is eventTime, or @timestamp where Logstash put it")
    func times() throws {
        #expect(try self.event("").occurredAt.rfc3339 == "2020-09-14T00:44:23Z")
        let logstash = imported(#"{"@timestamp":"2020-09-14T00:44:23.000Z","eventName":"x"}"#, .cloudTrail)
        #expect(logstash.first?.event?.occurredAt.rfc3339 == "2020-09-14T00:44:23Z")
    }

    @Test(
        "who did it is told by the best name that the identity has",
        arguments: [
            (#"{"type":"IAMUser","arn":"arn:x","principalId":"p","userName":"u"}"#, "IAMUser", "arn:x"),
            (#"{"type":"SAMLUser","principalId":"p","userName":"u"}"#, "SAMLUser", "p"),
            (#"{"type":"WebIdentityUser","userName":"u"}"#, "WebIdentityUser", "u"),
            (#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#, "AWSService", "ec2.amazonaws.com"),
            (#"{"type":"AWSAccount","accountId":"123"}"#, "AWSAccount", "123"),
            (#"{"accountId":"123"}"#, nil, "123"),
        ] as [(String, String?, String)])
    func actors(identity: String, kind: String?, id: String) throws {
        let event = try self.event(#","userIdentity":\#(identity)"#)
        #expect(event.actor == Actor(kind: kind, id: id))
    }

    @Test(
        "an identity that is missing or no object is no actor",
        arguments: ["", #","userIdentity":null"#, #","userIdentity":{}"#])
    func noActor(members: String) throws {
        #expect(try self.event(members).actor == nil)
    }

    @Test(
        "only temporary keys name a session",
        arguments: [("ASIA5FLZVX4OI4ZDQJOL", true), ("AKIAIOSFODNN7EXAMPLE", false)])
    func sessions(key: String, isSession: Bool) throws {
        #expect(try self.event(#","userIdentity":{"accessKeyId":"\#(key)"}"#).sessionID == (isSession ? key : nil))
    }

    @Test(
        "errors tell outcome, decision and reason",
        arguments: [
            ("", Outcome.success, Decision.allow, nil),
            (#","errorCode":"AccessDenied","errorMessage":"Access Denied""#, .failure, .deny, "Access Denied"),
            (#","errorCode":"AccessDeniedException""#, .failure, .deny, "AccessDeniedException"),
            (#","errorCode":"Client.UnauthorizedOperation","errorMessage":"no""#, .failure, .deny, "no"),
            (#","errorCode":"NoSuchBucket","errorMessage":"gone""#, .failure, nil, "gone"),
            (#","errorCode":"InternalError","errorMessage":"oops""#, .error, nil, "oops"),
            (#","errorCode":"Server.InternalError""#, .error, nil, "Server.InternalError"),
            (#","errorCode":"ServiceUnavailableException""#, .error, nil, "ServiceUnavailableException"),
            (
                #","errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"}"#, .failure,
                .deny,
                "Failed authentication"
            ),
            (#","responseElements":{"ConsoleLogin":"Success"}"#, .success, .allow, nil),
            (#","errorCode":null,"errorMessage":null"#, .success, .allow, nil),
        ] as [(String, Outcome?, Decision?, String?)])
    func outcomes(members: String, outcome: Outcome?, decision: Decision?, reason: String?) throws {
        let event = try self.event(members)
        #expect(event.outcome == outcome)
        #expect(event.decision == decision)
        #expect(event.reason == reason)
    }

    @Test(
        "what it was about comes from the resources, or from a parameter that names one",
        arguments: [
            (
                #","resources":[{"ARNPrefix":"arn:p/","type":"P"},{"ARN":"arn:b","type":"B"}]"#,
                Resource(type: "B", id: "arn:b")
            ),
            (#","resources":[{"ARNPrefix":"arn:p/","type":"P"}]"#, Resource(type: "P", id: "arn:p/")),
            (#","resources":[{"ARN":"arn:b"}]"#, Resource(id: "arn:b")),
            (
                #","resources":[],"requestParameters":{"bucketName":"b","key":"k/1"}"#,
                Resource(type: "AWS::S3::Object", id: "b/k/1")
            ),
            (#","requestParameters":{"bucketName":"b","prefix":""}"#, Resource(type: "AWS::S3::Bucket", id: "b")),
            (#","requestParameters":{"instanceId":"i-1"}"#, nil), (#","requestParameters":null"#, nil), ("", nil),
            (#","resources":{"ARN":"arn:b"}"#, nil),
        ] as [(String, Resource?)])
    func resources(members: String, resource: Resource?) throws {
        #expect(try self.event(members).resource == resource)
    }

    @Test(
        "a parameter counts for its own service only",
        arguments: [
            ("ec2.amazonaws.com", #"{"instanceId":"i-1"}"#, Resource(type: "AWS::EC2::Instance", id: "i-1")),
            (
                "ec2.amazonaws.com", #"{"instancesSet":{"items":[{"instanceId":"i-2"}]}}"#,
                Resource(type: "AWS::EC2::Instance", id: "i-2")
            ),
            ("ec2.amazonaws.com", #"{"instancesSet":{"items":[{"instanceId":"i-2"},{"instanceId":"i-3"}]}}"#, nil),
            ("iam.amazonaws.com", #"{"roleName":"r"}"#, Resource(type: "AWS::IAM::Role", id: "r")),
            ("iam.amazonaws.com", #"{"instanceId":"i-1"}"#, nil),
            ("sts.amazonaws.com", #"{"roleArn":"arn:r"}"#, Resource(type: "AWS::IAM::Role", id: "arn:r")),
        ] as [(String, String, Resource?)])
    func parameters(source: String, parameters: String, resource: Resource?) throws {
        let text =
            #"{"eventTime":"2020-09-14T00:44:23Z","eventName":"x","eventSource":"\#(source)","requestParameters":\#(parameters)}"#
        #expect(imported(text, .cloudTrail).first?.event?.resource == resource)
    }

    @Test("a text too long for its field is left to the attributes")
    func longTexts() throws {
        let long = String(repeating: "k", count: 600)
        let event = try self.event(
            #","requestParameters":{"bucketName":"b","key":"\#(long)"},"requestID":"\#(long)","errorMessage":"\#(String(repeating: "m", count: 9000))""#
        )
        #expect(event.resource == Resource(type: "AWS::S3::Bucket", id: "b"))
        #expect(event.requestID == nil && event.reason == nil && event.outcome == .failure)
    }

    @Test(
        "what is no CloudTrail record is reported with its line and what to do",
        arguments: [
            ("{", ImportError.Code.cutOff, "the file ends inside the record"),
            ("{\n", .malformed, "not valid JSON at byte 1"),
            ("[]\n", .malformed, "expected an object, found an array"),
            (#"{"Records":[]}"#, .malformed, "jq -c '.Records[]'"),
            (#"{"eventName":"x"}"#, .invalidField, "neither eventTime nor @timestamp is there"),
            (#"{"eventTime":"noon","eventName":"x"}"#, .invalidField, #"eventTime is "noon""#),
            (#"{"eventTime":"2020-09-14T00:44:23Z"}"#, .invalidField, "eventName is missing"),
            (
                #"{"eventTime":"2020-09-14T00:44:23Z","eventTime":"2020-09-14T00:44:24Z"}"#, .malformed,
                "two members are named"
            ),
            (#"{"eventTime":"2020-09-14T00:44:23Z","eventName":"\u0000"}"#, .malformed, "U+0000"),
        ])
    func rejects(line: String, code: ImportError.Code, message: String) throws {
        let records = imported(#"{"eventTime":"2020-09-14T00:44:23Z","eventName":"x"}"# + "\n\n" + line, .cloudTrail)
        #expect(records.count == 2)
        let error = try #require(records.last?.error)
        #expect(error.line == 3)
        #expect(error.code == code)
        #expect(error.message.contains(message), "\(error.message)")
    }

    @Test("a record larger or deeper than attributes may be is reported by the limit's name")
    func limits() throws {
        let large =
            #"{"eventTime":"2020-09-14T00:44:23Z","eventName":"x","a":"\#(String(repeating: "a", count: 65_536))"}"#
        #expect(imported(large, .cloudTrail).first?.error?.message.contains("max_attributes_bytes") == true)
        let deep = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
        let nested = #"{"eventTime":"2020-09-14T00:44:23Z","eventName":"x","a":\#(deep)}"# + "\n"
        #expect(imported(nested, .cloudTrail).first?.error?.message.contains("32 levels") == true)
    }

    @Test("every record of the sample maps")
    func sampleFile() throws { try self.checkFile(try sample("cloudtrail-sample.jsonl"), count: 12) }

    @Test("so does every record of the whole file", .enabled(if: dataSet("cloudtrail.jsonl") != nil))
    func wholeFile() throws {
        let url = try #require(dataSet("cloudtrail.jsonl"))
        let bytes = Array(try Data(contentsOf: url))
        try self.checkFile(bytes, count: bytes.split(separator: UInt8(ascii: "\n")).count)
    }

    private func checkFile(_ bytes: [UInt8], count: Int) throws {
        // The last line's end may be missing.
        let withoutEnd = bytes.last == UInt8(ascii: "\n") ? Array(bytes.dropLast()) : bytes
        let records = imported(withoutEnd, .cloudTrail, chunkBytes: 997)
        #expect(records == imported(withoutEnd + [UInt8(ascii: "\n")], .cloudTrail))
        #expect(records.count == count)
        let lines = withoutEnd.split(separator: UInt8(ascii: "\n"))
        for (record, line) in zip(records, lines) {
            let event = try record.result.get()
            #expect(event.attributes == String(decoding: line, as: UTF8.self))
            #expect(
                event.actor?.kind != nil && event.actor?.id != nil && event.sourceEventID != nil
                    && event.requestID != nil)
            #expect(throws: Never.self) { try event.check(Limits()) }
        }
        #expect(Set(records.compactMap { $0.event?.eventID }).count == count)
    }
}
