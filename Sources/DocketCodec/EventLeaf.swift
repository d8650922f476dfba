import CDocketProtos
import CProtobufC
package import DocketMerkle
package import DocketModel

/// An event's leaf: the deterministic encoding of its declared fields by which it can be proved (docs/evidence.md). It
/// comes out the same from the emitter's event, from the encoded event that the collector received, and from the stored
/// row.
package enum EventLeaf {
    /// Appends the leaf's data, without the prefix of RFC 6962.
    package static func append(event: Event, to bytes: inout [UInt8]) {
        var leaf = LeafWriter(appendingTo: bytes)
        leaf.append(1, event.eventID.bytes)
        leaf.append(2, event.sourceEventID)
        leaf.append(3, event.type)
        leaf.append(4, event.occurredAt.microsecondsSinceEpoch)
        leaf.append(5, event.scope)
        if let actor = event.actor, !actor.isEmpty { leaf.append(6, actor) }
        for actor in event.delegation { leaf.append(7, actor) }
        leaf.append(8, event.action)
        if let resource = event.resource, !resource.isEmpty {
            leaf.append(9) { nested in
                nested.append(1, resource.type)
                nested.append(2, resource.id)
            }
        }
        if let decision = event.decision { leaf.append(10, Int64(decision.rawValue)) }
        if let outcome = event.outcome { leaf.append(11, Int64(outcome.rawValue)) }
        leaf.append(12, event.reason)
        leaf.append(13, event.policy)
        leaf.append(14, event.obligations)
        leaf.append(15, event.evaluatedRules)
        if let riskScore = event.riskScore { leaf.append(16, riskScore) }
        leaf.append(17, event.sessionID)
        leaf.append(18, event.requestID)
        leaf.append(19, event.agentID)
        leaf.append(20, event.source)
        if let traceID = event.traceID { leaf.append(21, traceID.bytes) }
        if let spanID = event.spanID { leaf.append(22, spanID.bytes) }
        if let duration = event.durationMicroseconds { leaf.append(23, duration) }
        if let payload = event.payload, !payload.isEmpty {
            leaf.append(24) { nested in
                nested.append(1, payload.hash)
                if let size = payload.inSizeBytes { nested.append(2, size) }
                if let size = payload.outSizeBytes { nested.append(3, size) }
            }
        }
        leaf.append(25, event.attributes)
        bytes = leaf.bytes
    }

    /// The leaf's hash: SHA-256(0x00 ‖ data).
    package static func leafHash(of event: Event) -> MerkleHash {
        var prefixed = [MerkleTree.leafPrefix]
        Self.append(event: event, to: &prefixed)
        return unsafe prefixed.withUnsafeBytes { unsafe MerkleTree.leafHash(prefixed: $0) }
    }
}

extension LeafWriter {
    fileprivate mutating func append(_ field: UInt8, _ text: String?) {
        if let text { self.append(field, text) }
    }

    fileprivate mutating func append(_ field: UInt8, _ actor: Actor) {
        self.append(field) { nested in
            nested.append(1, actor.kind)
            nested.append(2, actor.id)
            nested.append(3, actor.userID)
        }
    }
}
