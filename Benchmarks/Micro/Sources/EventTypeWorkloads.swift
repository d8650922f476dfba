import DocketEventTypes
import DocketModel

/// What it costs to hold events against the definition of their type. `event-types/whole-batch` is `codec/whole-batch` with a
/// definition: the difference is what the validator takes, the ratio what it adds.
enum EventTypeWorkloads {
    static let all = [
        Benchmark(name: "event-types/attributes", unit: .event, operations: Sample.batchEvents) {
            let texts = Sample.events().compactMap { $0.attributes.map { Array($0.utf8) } }
            return try Self.workload(texts, Self.decision)
        },
        Benchmark(name: "event-types/record", unit: .event, operations: Sample.batchEvents) {
            let texts = (0..<Sample.batchEvents).map { Array(Self.record(number: $0).utf8) }
            return try Self.workload(texts, Self.recordDefinition)
        },
        Benchmark(name: "event-types/whole-batch", unit: .event, operations: Sample.batchEvents) {
            EncodeWorkload(
                requests: [Sample.request(Sample.events())], validator: try Self.validator(Self.decision))
        },
    ]

    private static func workload(_ texts: [[UInt8]], _ definition: String) throws -> any Workload {
        let validator = try Self.validator(definition)
        return ClosureWorkload {
            var faults = 0
            unsafe texts.withUnsafeBufferPointer { texts in
                unsafe forEachInPlace(texts) { if validator.check(attributes: $0.span) != nil { faults += 1 } }
            }
            guard faults == 0 else { throw WorkloadFault("\(faults) synthetic attributes break their definition") }
        }
    }

    private static func validator(_ definition: String) throws -> EventTypeValidator {
        EventTypeValidator(try EventTypeDefinition(json: Array(definition.utf8)))
    }

    /// As EventTypes/authz.decision.json has it, with unknown attributes refused.
    private static let decision = """
        {"name":"authz.decision","version":1,"unknown_attributes":"refuse",
         "required_fields":["actor.kind","actor.id","action","resource.type","resource.id","decision","policy"],
         "attributes":{"type":"object","required":["ip"],"properties":{
          "agent_scope":{"type":["string","null"],"maxLength":64},"plugin_id":{"type":["string","null"],"maxLength":256},
          "decision":{"type":"string","maxLength":256},"ip":{"type":"string","maxLength":45},
          "client":{"type":"string","maxLength":512},"mfa":{"type":"boolean"},"rows":{"type":"integer","minimum":0}}}}
        """

    /// A definition with everything in it: nested objects, a list, enumerations, bounds.
    private static let recordDefinition = """
        {"name":"call.record","version":1,"attributes":{"required":["stage","request"],"properties":{
         "stage":{"enum":["RequestReceived","ResponseStarted","ResponseComplete","Panic"]},
         "status_code":{"type":"integer","minimum":100,"maximum":599},"took":{"type":"number","minimum":0},
         "request":{"type":"object","required":["uri"],"additionalProperties":false,"properties":{
           "uri":{"type":"string","minLength":1,"maxLength":4096},"agent":{"type":"string"},
           "bytes":{"type":"integer","minimum":0}}},
         "labels":{"type":"array","maxItems":16,"items":{"type":"string","maxLength":64}}}}}
        """

    /// Attributes of about 420 bytes, some of which no definition describes.
    private static func record(number: Int) -> String {
        #"{"stage":"ResponseComplete","status_code":\#(200 + number % 300),"took":0.\#(number + 1000),"request":{"uri":"#
            + #""/api/v1/namespaces/shop/pods/web-7d4b9c6f5-x2x\#(number)/log?follow=true&tailLines=100","agent":"#
            + #""kubectl/v1.29.3 (linux/amd64) kubernetes/6813625","bytes":\#(number * 37)},"labels":["audit","pods","log"],"#
            + #""annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by "#
            + #"RoleBinding \"viewers/shop\" of Role \"viewer\""}}"#
    }
}
