package import DocketModel

/// Encodes events as an emitter sends them, straight into one buffer: no intermediate allocation.
///
/// A publish request is ``publishRequestPrefix(tenant:producerID:sequence:)`` followed by any number of events as
/// ``append(_:to:)`` writes them, one after the other: protobuf messages concatenate.
package enum EventEncoder {
    /// The fields of a `PublishRequest` in front of its events.
    ///
    /// - Parameters:
    ///   - tenant: The tenant's slug; empty to leave it to the credential.
    ///   - sequence: From 0 to 2^63-1.
    package static func publishRequestPrefix(tenant: String, producerID: ProducerID, sequence: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(tenant.utf8.count + 48)
        if !tenant.isEmpty { bytes.appendField(1, bytes: tenant.utf8) }
        bytes.appendField(2, bytes: producerID.bytes)
        if sequence != 0 { bytes.appendField(3, varint: UInt64(bitPattern: sequence)) }
        return bytes
    }

    /// Appends the event as one `events` field of a `PublishRequest`: tag, length, content.
    package static func append(_ event: Event, to buffer: inout [UInt8]) {
        Self.append(event, sizeBytes: Self.sizeBytes(of: event), to: &buffer)
    }

    /// The same for an event that has been measured: `sizeBytes` is what ``sizeBytes(of:)`` returned.
    package static func append(_ event: Event, sizeBytes size: Int, to buffer: inout [UInt8]) {
        buffer.append(wireBytes: 1 + varintSizeBytes(UInt64(size)) + size) { cursor in
            cursor.message(4, bytes: size)
            event.describe(to: &cursor)
        }
    }

    /// Appends the event as a message of its own, in the canonical form of docs/evidence.md.
    static func append(canonical event: Event, to buffer: inout [UInt8]) {
        buffer.append(wireBytes: Self.sizeBytes(of: event)) { event.describe(to: &$0) }
    }

    /// Appends an event that is encoded already, as it stands.
    package static func append(encoded event: some Collection<UInt8>, to buffer: inout [UInt8]) {
        buffer.appendField(4, bytes: event)
    }

    /// How large the encoded event is, in bytes, without the tag and length of ``append(_:to:)``.
    package static func sizeBytes(of event: Event) -> Int {
        event.wireBytes
    }
}

/// An event as a `docket.v1.Event` message, in its canonical form.
package func encodeEvent(_ event: Event) -> [UInt8] {
    var bytes: [UInt8] = []
    EventEncoder.append(canonical: event, to: &bytes)
    return bytes
}

// MARK: - Fields

extension Event: WirePart {
    /// The canonical form: fields in rising order of their numbers, and no message without any field but in a list.
    @inline(__always)
    func describe(to sink: inout some WireSink) {
        sink.halves(1, self.eventID.high, self.eventID.low)
        sink.text(2, self.sourceEventID)
        if !self.type.isEmpty { sink.text(3, self.type) }
        sink.number(4, self.occurredAt.microsecondsSinceEpoch)
        sink.text(5, self.scope)
        if let actor = self.actor, !actor.isEmpty { sink.nested(6, actor) }
        for actor in self.delegation { sink.nested(7, actor) }
        sink.text(8, self.action)
        if let resource = self.resource, !resource.isEmpty { sink.nested(9, resource) }
        if let decision = self.decision { sink.number(10, Int64(decision.rawValue)) }
        if let outcome = self.outcome { sink.number(11, Int64(outcome.rawValue)) }
        sink.text(12, self.reason)
        sink.text(13, self.policy)
        sink.text(14, self.obligations)
        sink.text(15, self.evaluatedRules)
        if let riskScore = self.riskScore { sink.fixed64(16, riskScore.bitPattern) }
        sink.text(17, self.sessionID)
        sink.text(18, self.requestID)
        sink.text(19, self.agentID)
        sink.text(20, self.source)
        if let traceID = self.traceID { sink.halves(21, traceID.high, traceID.low) }
        if let spanID = self.spanID { sink.halves(22, spanID.value, nil) }
        sink.number(23, self.durationMicroseconds)
        if let payload = self.payload, !payload.isEmpty { sink.nested(24, payload) }
        sink.text(25, self.attributes)
    }
}

extension Actor: WirePart {
    @inline(__always)
    func describe(to sink: inout some WireSink) {
        sink.text(1, self.kind)
        sink.text(2, self.id)
        sink.text(3, self.userID)
    }
}

extension Resource: WirePart {
    @inline(__always)
    func describe(to sink: inout some WireSink) {
        sink.text(1, self.type)
        sink.text(2, self.id)
    }
}

extension PayloadFingerprint: WirePart {
    @inline(__always)
    func describe(to sink: inout some WireSink) {
        sink.text(1, self.hash)
        sink.number(2, self.inSizeBytes)
        sink.number(3, self.outSizeBytes)
    }
}
