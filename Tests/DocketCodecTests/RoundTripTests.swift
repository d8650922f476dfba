import DocketCodec
import DocketMerkle
import DocketModel
import DocketTestSupport
import Testing

@Suite("An event's way through the codec")
struct RoundTripTests {
    @Test("random events come back from their tuples as they were emitted, and every leaf of them is the same")
    func randomEvents() throws {
        var random = RandomEvents(seed: testSeed())
        let bench = Bench()
        for _ in 0..<40 {
            let events = (0..<25).map { _ in random.event(type: "test.event") }
            let batch = try bench.encode(events)
            #expect(batch.rejections == [])
            #expect(batch.acceptedCount == events.count)
            let rows = try rows(of: batch, type: "test.event")
            #expect(rows.map(\.event) == events)
            #expect(rows.map(\.position) == events.indices.map { Int32($0) })
            #expect(rows.allSatisfy { $0.batchID == Bench.batchID && $0.tenantID == 5 && $0.typeID == 42 })
            // The batch was hashed from protobuf-c's structs; these leaves come from the emitter's events and the rows.
            #expect(MerkleTree.root(of: events.map { EventLeaf.leafHash(of: $0) }).bytes == batch.root)
            #expect(MerkleTree.root(of: rows.map { EventLeaf.leafHash(of: $0.event) }).bytes == batch.root)
            #expect(batch.contentHash == batch.root)
        }
    }

    @Test("an event that is encoded already joins a request as one that isn't does")
    func encodedEvents() {
        var random = RandomEvents(seed: testSeed())
        var (direct, encoded): ([UInt8], [UInt8]) = ([], [])
        for _ in 0..<25 {
            let event = random.event(type: "test.event")
            EventEncoder.append(event, to: &direct)
            EventEncoder.append(encoded: encodeEvent(event), to: &encoded)
        }
        #expect(encoded == direct)
    }

    @Test("random events come back from their message as they were")
    func messages() throws {
        var random = RandomEvents(seed: testSeed())
        for _ in 0..<500 {
            let event = random.event(type: "test.event")
            let bytes = encodeEvent(event)
            #expect(try decodeEvent(bytes) == event)
            #expect(bytes.count == EventEncoder.sizeBytes(of: event))
        }
    }

    @Test("a single changed field changes the leaf, and so the root")
    func leafCoversEveryField() throws {
        let plain = Event(
            eventID: EventID(high: 1, low: 2), type: "t", occurredAt: Timestamp(microsecondsSinceEpoch: 3))
        var changed: [Event] = []
        func change(_ body: (inout Event) -> Void) {
            var event = plain
            body(&event)
            changed.append(event)
        }
        change { $0.eventID = EventID(high: 1, low: 3) }
        change { $0.type = "u" }
        change { $0.occurredAt = Timestamp(microsecondsSinceEpoch: 4) }
        let texts: [WritableKeyPath<Event, String?>] = [
            \.sourceEventID, \.scope, \.action, \.reason, \.policy, \.obligations, \.evaluatedRules, \.sessionID,
            \.requestID,
            \.agentID, \.source, \.attributes,
        ]
        for text in texts {
            change { $0[keyPath: text] = "" }
            change { $0[keyPath: text] = "x" }
        }
        for actor in [Actor(kind: "x"), Actor(id: "x"), Actor(userID: "x")] {
            change { $0.actor = actor }
            change { $0.delegation = [actor] }
            change { $0.delegation = [actor, actor] }
        }
        change { $0.delegation = [Actor()] }
        change { $0.resource = Resource(type: "x") }
        change { $0.resource = Resource(id: "x") }
        for decision in Decision.allCases { change { $0.decision = decision } }
        for outcome in Outcome.allCases { change { $0.outcome = outcome } }
        change { $0.riskScore = 0 }
        change { $0.riskScore = -0.0 }
        change { $0.traceID = TraceID(high: 0, low: 1) }
        change { $0.spanID = SpanID(1) }
        change { $0.durationMicroseconds = 0 }
        change { $0.payload = PayloadFingerprint(hash: "x") }
        change { $0.payload = PayloadFingerprint(inSizeBytes: 1) }
        change { $0.payload = PayloadFingerprint(outSizeBytes: 1) }
        let hashes = ([plain] + changed).map { EventLeaf.leafHash(of: $0) }
        #expect(Set(hashes).count == hashes.count)
    }

    @Test("a part without any field equals an absent part: in the row, the message and the leaf")
    func emptyParts() throws {
        let plain = Event(
            eventID: EventID(high: 1, low: 2), type: "t", occurredAt: Timestamp(microsecondsSinceEpoch: 3))
        var hollow = plain
        hollow.actor = Actor()
        hollow.resource = Resource()
        hollow.payload = PayloadFingerprint()
        #expect(EventLeaf.leafHash(of: hollow) == EventLeaf.leafHash(of: plain))
        #expect(try decodeEvent(encodeEvent(hollow)) == plain)
        let batch = try Bench().encode([hollow])
        #expect(batch.root == MerkleTree.root(of: [EventLeaf.leafHash(of: plain)]).bytes)
        #expect(try rows(of: batch, type: "t").map(\.event) == [plain])
    }

    @Test("an empty text is not an absent one")
    func emptyTexts() throws {
        var event = Event(
            eventID: EventID(high: 1, low: 2), type: "t", occurredAt: Timestamp(microsecondsSinceEpoch: 3))
        event.scope = ""
        event.actor = Actor(id: "")
        event.delegation = [Actor(kind: "", userID: ""), Actor()]
        event.payload = PayloadFingerprint(hash: "", inSizeBytes: 0)
        event.riskScore = 0
        event.durationMicroseconds = 0
        #expect(try rows(of: try Bench().encode([event]), type: "t").map(\.event) == [event])
    }

    @Test("the same events give the same content hash whoever numbers the batch")
    func contentHashIsOfTheEvents() throws {
        let event = RawMessage.minimalEvent.bytes
        let bench = Bench()
        let first = try bench.encode(RawMessage.request([event, event], sequence: 1))
        let second = try bench.encode(RawMessage.request([event, event], tenant: "other", sequence: 2))
        let third = try bench.encode(RawMessage.request([event], sequence: 1))
        #expect(first.contentHash == second.contentHash)
        #expect(first.contentHash != third.contentHash)
    }

    @Test("one decoder serves batch after batch, whatever their sizes")
    func reuse() throws {
        var random = RandomEvents(seed: testSeed())
        let bench = Bench()
        for count in [1, 3000, 2, 500, 1] {
            let events = (0..<count).map { _ in random.event(type: "test.event") }.map { event in
                var event = event
                event.reason = nil
                return event
            }
            let batch = try bench.encode(events)
            #expect(try rows(of: batch, type: "test.event").map(\.event) == events)
        }
    }
}
