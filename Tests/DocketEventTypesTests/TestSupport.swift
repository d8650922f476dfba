import DocketCodec
import DocketEventTypes
import DocketModel
import Foundation
import Testing

/// The folder of the package.
let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

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
        var message = EventEncoder.publishRequestPrefix(
            tenant: "acme", producerID: ProducerID(high: 1, low: 2), sequence: 3)
        EventEncoder.append(event, to: &message)
        let decoder = BatchDecoder(limits: Limits())
        let request = try decoder.decode(message)
        let batchID: Int64 = 1 << 60
        let batch = try decoder.encode(
            request, key: BatchKey(tenantID: 1, producerID: request.producerID, sequence: request.sequence),
            batchID: batchID, receivedAt: BatchID.receivedAt(of: batchID)
        ) { event in
            if let refusal = self.check(event) { .reject(refusal) } else { .accept(typeID: 1) }
        }
        return batch.rejections.first
    }
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
