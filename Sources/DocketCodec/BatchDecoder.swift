import CDocketProtos
import CProtobufC
import DocketMerkle
package import DocketModel

/// Decodes publish requests and encodes their events for the store, in one pass over the events.
///
/// Each event is parsed where it lies in the message, checked, hashed and written as a COPY tuple. So a field is copied
/// once, into its tuple, and nothing is allocated for an event but the bytes of that.
///
/// One for each event loop: it is not Sendable, and what it keeps between batches is memory only.
@safe package final class BatchDecoder {
    private let limits: Limits
    private let parser: EventParser
    private let lanes = HashLanes()
    /// Where events that came in another form are written in their canonical one before they are hashed.
    private var leaf: UnsafeMutableRawBufferPointer
    /// The leaf hashes of the batch at hand.
    private var hashes: [MerkleHash] = []

    /// How much larger than now scratch memory may stay between batches, in bytes.
    private static let keptLeafBytes = 1024 * 1024

    /// - Parameters:
    ///   - limits: What a batch and an event may hold.
    ///   - parserBudgetBytes: How much memory the delegation chain of one event may take; twice the largest batch and a
    ///     mebibyte by default, so that every event of an honest client fits.
    package init(limits: Limits, parserBudgetBytes: Int? = nil) {
        self.limits = limits
        self.parser = EventParser(budgetBytes: parserBudgetBytes ?? 2 * limits.maxBatchBytes + 1024 * 1024)
        unsafe self.leaf = .allocate(byteCount: 4096, alignment: 16)
    }

    deinit {
        unsafe self.leaf.deallocate()
    }

    /// Reads a publish request's frame and checks what concerns it as a whole. The events themselves are decoded by
    /// ``encode(_:key:batchID:receivedAt:admit:)``.
    ///
    /// - Throws: ``CodecError``; nothing of the request may be stored then.
    package func decode(_ message: [UInt8]) throws(CodecError) -> PublishRequestView {
        try PublishRequestView(message, limits: self.limits)
    }

    /// Decodes, checks, hashes and encodes the events of a request.
    ///
    /// - Parameters:
    ///   - request: What ``decode(_:)`` returned.
    ///   - key: What names the batch: the tenant that the credential allows, with the request's producer and sequence.
    ///   - batchID: The collector's number for the batch.
    ///   - receivedAt: When the collector received the batch: ``BatchID/receivedAt(of:)`` of `batchID`.
    ///   - admit: The registry's word on an event that has passed the codec's own checks.
    /// - Throws: ``CodecError`` of the code `malformed`, `tooManyFields` or `expandsTooFar` when an event is no protobuf message or
    ///   takes more memory than the budget; nothing of the request may be stored then. All other faults reject single
    ///   events.
    package func encode(
        _ request: PublishRequestView,
        key: BatchKey,
        batchID: Int64,
        receivedAt: Timestamp,
        admit: (borrowing EventView) -> Admission
    ) throws(CodecError) -> EncodedBatch {
        var batch = BatchUnderway(request)
        let check = EventCheck(limits: self.limits)
        // Taken out of the object for the while: its accesses to itself would be checked at run time.
        var hashes = self.hashes
        self.hashes = []
        hashes.removeAll(keepingCapacity: true)
        // A request before this one may have turned out to be malformed halfway.
        self.lanes.reset()
        defer {
            self.hashes = hashes
            self.tidy()
        }
        try unsafe request.message.withUnsafeBufferPointer { message throws(CodecError) in
            // In the message, like all that an event has.
            var lastType = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
            for index in 0..<request.eventCount {
                let range = request.events[index]
                let bytes = unsafe UnsafeBufferPointer(rebasing: message[range])
                let event = try unsafe self.parse(bytes, index: index)
                unsafe self.appendLeafHash(of: event, bytes, to: &hashes)
                let admission: Admission
                if let refusal = unsafe check.refusal(of: event) {
                    admission = .reject(refusal)
                } else {
                    let type = unsafe event.pointee.type.buffer
                    let isSameType = unsafe sameBytes(type, lastType)
                    unsafe lastType = type
                    admission = unsafe admit(EventView(event, index: index, hasTypeOfEventBefore: isSameType))
                }
                switch admission {
                case .accept(let typeID):
                    unsafe batch.append(
                        event, encodedBytes: range.count, batchID: batchID, tenantID: key.tenantID, typeID: typeID,
                        position: index)
                case .mark(let typeID, let faults):
                    unsafe batch.append(
                        event, encodedBytes: range.count, batchID: batchID, tenantID: key.tenantID, typeID: typeID,
                        position: index)
                    batch.mark(faults, at: index)
                case .reject(let refusal):
                    batch.reject(refusal, at: index, bytes: request.eventBytes(at: index))
                }
            }
        }
        return self.finish(batch, of: request, hashes: &hashes, key: key, batchID: batchID, receivedAt: receivedAt)
    }

    // MARK: Steps

    /// Parses one event, in place of the one before.
    private func parse(_ bytes: UnsafeBufferPointer<UInt8>, index: Int) throws(CodecError) -> CEvent {
        if let event = unsafe self.parser.parse(bytes) { return unsafe event }
        throw CodecError(self.parser.fault, eventIndex: index, budgetBytes: self.parser.budgetBytes)
    }

    /// Appends the leaf hash of the event that was parsed last, over its bytes as they came if those are canonical.
    private func appendLeafHash(of event: CEvent, _ bytes: UnsafeBufferPointer<UInt8>, to hashes: inout [MerkleHash]) {
        var canonical = UnsafeRawBufferPointer(bytes)
        if !self.parser.isCanonical {
            let needed = CanonicalEvent.maxBytes(encodedBytes: bytes.count)
            if unsafe needed > self.leaf.count {
                unsafe self.leaf.deallocate()
                unsafe self.leaf = .allocate(byteCount: 2 * needed, alignment: 16)
            }
            var writer = unsafe CanonicalEvent(self.leaf)
            let count = unsafe writer.write(event)
            unsafe canonical = UnsafeRawBufferPointer(rebasing: self.leaf[..<count])
        }
        unsafe self.lanes.appendLeaf(version: EventLeaf.version, canonical, to: &hashes)
    }

    private func finish(
        _ batch: BatchUnderway, of request: PublishRequestView, hashes: inout [MerkleHash], key: BatchKey,
        batchID: Int64, receivedAt: Timestamp
    ) -> EncodedBatch {
        self.lanes.finish(&hashes)
        let (eventCount, acceptedCount) = (hashes.count, hashes.count - batch.rejections.count)
        var root: MerkleHash?
        if !batch.rejections.isEmpty {
            var rejected = batch.rejections.makeIterator()
            var next = rejected.next()
            var accepted: [MerkleHash] = []
            accepted.reserveCapacity(hashes.count - batch.rejections.count)
            for (index, hash) in hashes.enumerated() {
                if index == next?.index { next = rejected.next() } else { accepted.append(hash) }
            }
            root = self.lanes.root(consuming: &accepted)
        }
        let contentHash = self.lanes.root(consuming: &hashes)
        return EncodedBatch(
            key: key,
            batchID: batchID,
            receivedAt: receivedAt,
            tuples: batch.tuples,
            eventCount: eventCount,
            acceptedCount: acceptedCount,
            rejections: batch.rejections,
            quarantined: batch.quarantined,
            marks: batch.marks,
            occurredAt: batch.occurredAt,
            root: (root ?? contentHash).bytes,
            contentHash: contentHash.bytes,
            request: request)
    }

    /// Gives back what an unusual event has taken.
    private func tidy() {
        self.parser.tidy()
        if unsafe self.leaf.count > Self.keptLeafBytes {
            unsafe self.leaf.deallocate()
            unsafe self.leaf = .allocate(byteCount: 4096, alignment: 16)
        }
    }
}

/// What has become of a batch so far.
private struct BatchUnderway {
    private(set) var tuples: [UInt8] = []
    private(set) var rejections: [Rejection] = []
    private(set) var quarantined: [QuarantinedEvent] = []
    private(set) var marks: [Rejection] = []
    private var earliestMicroseconds = Int64.max
    private var latestMicroseconds = Int64.min

    /// From the earliest to the latest `occurred_at` of what has been appended.
    var occurredAt: ClosedRange<Timestamp>? {
        guard self.earliestMicroseconds <= self.latestMicroseconds else { return nil }
        return Timestamp(
            microsecondsSinceEpoch: self.earliestMicroseconds)...Timestamp(
                microsecondsSinceEpoch: self.latestMicroseconds)
    }

    init(_ request: PublishRequestView) {
        // A usual tuple is about 150 bytes larger than the event: 33 column lengths take the place of short tags. The last
        // one is written into room for the largest that it can be.
        self.tuples.reserveCapacity(
            request.message.count + 160 * request.eventCount + TupleWriter.fixedBytes)
    }

    mutating func append(
        _ event: CEvent, encodedBytes: Int, batchID: Int64, tenantID: Int32, typeID: Int32, position: Int
    ) {
        let occurredAt = unsafe event.pointee.occurred_at_us
        self.earliestMicroseconds = min(self.earliestMicroseconds, occurredAt)
        self.latestMicroseconds = max(self.latestMicroseconds, occurredAt)
        let needed = unsafe TupleWriter.maxBytes(of: event, encodedBytes: encodedBytes)
        self.tuples.append(addingCapacity: needed) { out in
            unsafe out.withUnsafeMutableBufferPointer { memory, initialized in
                var writer = unsafe TupleWriter(UnsafeMutableRawBufferPointer(memory))
                // The number of events in a batch is far below 2^31.
                initialized += unsafe writer.write(
                    event, batchID: batchID, tenantID: tenantID, typeID: typeID,
                    position: Int32(truncatingIfNeeded: position))
            }
        }
    }

    mutating func mark(_ faults: [EventRefusal], at index: Int) {
        self.marks += faults.lazy.map { $0.rejection(at: index) }
    }

    mutating func reject(_ refusal: EventRefusal, at index: Int, bytes: ArraySlice<UInt8>) {
        self.rejections.append(refusal.rejection(at: index))
        self.quarantined.append(QuarantinedEvent(index: index, event: Array(bytes)))
    }
}
