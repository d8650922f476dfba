import DocketCodec
import DocketEventTypes
import DocketModel
import Foundation
import Testing

/// The repository's root, also where the folder of tests is reached through a link.
let repository = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

/// The definition of the type `t` with those members besides.
func definition(_ members: String = "", version: Int = 1) throws(EventTypeError) -> EventTypeDefinition {
    let more = members.isEmpty ? "" : ",\(members)"
    return try EventTypeDefinition(json: Array(#"{"name":"t","version":\#(version)\#(more)}"#.utf8))
}

/// The definition of the type `t` with an attribute `a` of that schema.
func definition(ofAttribute schema: String) throws(EventTypeError) -> EventTypeDefinition {
    try definition(#""attributes":{"properties":{"a":\#(schema)}}"#)
}

/// The error of a definition that can't be read; `nil` when it can.
func error(_ body: () throws(EventTypeError) -> EventTypeDefinition) -> EventTypeError? {
    do throws(EventTypeError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

extension EventTypeValidator {
    func check(_ attributes: String) -> EventRefusal? { self.check(attributes: Array(attributes.utf8).span) }

    /// What the collector says of an event of this type.
    func refusal(of event: Event) throws -> Rejection? {
        try rejections(of: [event]) { [self] _ in self }.first
    }
}

/// What the collector says of a batch of events, each with the validator of its type.
func rejections(of events: [Event], by validator: (String) -> EventTypeValidator?) throws -> [Rejection] {
    var message = EventEncoder.publishRequestPrefix(
        tenant: "acme", producerID: ProducerID(high: 1, low: 2), sequence: 3)
    for event in events { EventEncoder.append(event, to: &message) }
    var limits = Limits()
    limits.maxBatchEvents = 100_000
    limits.maxBatchBytes = 64 * 1024 * 1024
    let decoder = BatchDecoder(limits: limits)
    let request = try decoder.decode(message)
    let batchID: Int64 = 1 << 60
    return try decoder.encode(
        request, key: BatchKey(tenantID: 1, producerID: request.producerID, sequence: request.sequence),
        batchID: batchID, receivedAt: BatchID.receivedAt(of: batchID)
    ) { event in
        guard let validator = validator(event.typeName) else {
            return .reject(EventRefusal(field: "type", code: .unknownEventType, reason: event.typeName))
        }
        return validator.check(event).map { .reject($0) } ?? .accept(typeID: 1)
    }.rejections
}

/// The starter packs' definitions.
func starterPack() throws -> EventTypePack {
    let folder = repository.appending(path: "EventTypes")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted()
    return try EventTypePack(
        files: names.filter { $0.hasSuffix(".json") }.map {
            (name: $0, bytes: Array(try Data(contentsOf: folder.appending(path: $0))))
        })
}
