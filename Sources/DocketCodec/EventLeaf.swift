package import DocketMerkle
package import DocketModel

/// An event's leaf: the deterministic encoding of its declared fields by which it can be proved (docs/evidence.md): a
/// version byte, then the event as a protobuf message in its canonical form. It comes out the same from the emitter's
/// event, from the encoded event that the collector received, and from the stored row.
package enum EventLeaf {
    /// The first byte of a leaf's data.
    package static let version: UInt8 = 0x02

    /// Appends the leaf's data, without the prefix of RFC 6962.
    package static func append(event: Event, to bytes: inout [UInt8]) {
        bytes.append(Self.version)
        EventEncoder.append(canonical: event, to: &bytes)
    }

    /// The leaf's hash: SHA-256(0x00 ‖ data).
    package static func leafHash(of event: Event) -> MerkleHash {
        let message = encodeEvent(event)
        return unsafe message.withUnsafeBytes { unsafe Self.leafHash(canonical: $0) }
    }

    /// The leaf's hash of an event in canonical form.
    @inline(__always)
    static func leafHash(canonical message: UnsafeRawBufferPointer) -> MerkleHash {
        unsafe MerkleTree.leafHash(version: Self.version, message)
    }
}
