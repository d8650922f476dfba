import DocketCodec
import DocketEventTypes
import DocketModel

/// From the emitter's event to bytes, and from a request's bytes to the batch that the store takes.
enum CodecWorkloads {
    static let all = [
        Benchmark(name: "codec/encode-event", unit: .event, operations: Sample.batchEvents) {
            let events = Sample.events()
            var buffer: [UInt8] = []
            return ClosureWorkload {
                buffer.removeAll(keepingCapacity: true)
                unsafe events.withUnsafeBufferPointer { events in
                    unsafe forEachInPlace(events) { EventEncoder.append($0, to: &buffer) }
                }
            }
        },
        Benchmark(name: "codec/request-frame", unit: .event, operations: Sample.batchEvents) {
            let decoder = BatchDecoder(limits: Limits())
            let request = Sample.request(Sample.events())
            return ClosureWorkload { keep(try decoder.decode(request).eventCount) }
        },
        Benchmark(name: "codec/json-check", unit: .event, operations: Sample.batchEvents) {
            let texts = Sample.events().compactMap { $0.attributes.map { Array($0.utf8) } }
            let maxDepth = Limits().maxAttributesDepth
            return ClosureWorkload {
                var objects = 0
                unsafe texts.withUnsafeBufferPointer { texts in
                    unsafe forEachInPlace(texts) { text in
                        if (try? JSONScanner.scan(text.span, maxDepth: maxDepth)) == .object { objects += 1 }
                    }
                }
                guard objects == texts.count else { throw WorkloadFault("synthetic attributes are no JSON objects") }
            }
        },
        Benchmark(name: "codec/decode-event", unit: .event, operations: Sample.batchEvents) {
            let messages = Sample.events().map { encodeEvent($0) }
            return ClosureWorkload { for message in messages { keep(try decodeEvent(message)) } }
        },
        Benchmark(name: "codec/whole-batch", unit: .event, operations: Sample.batchEvents) {
            EncodeWorkload(requests: [Sample.request(Sample.events())])
        },
        Benchmark(name: "codec/whole-singles", unit: .request, operations: Sample.singleRequests) {
            EncodeWorkload(requests: Sample.singles())
        },
        Benchmark(name: "codec/encode-answer", unit: .request, operations: Sample.singleRequests) {
            let verdict = Sample.verdict(acceptedCount: 1)
            return ClosureWorkload {
                for index in 0..<Sample.singleRequests {
                    keep(encodePublishResponse(sequence: Int64(index), verdict: verdict))
                }
            }
        },
    ]
}

/// Everything that the collector does with a request's bytes before the store gets them: frame, protobuf, checks, leaf
/// hashes, tuples, roots.
final class EncodeWorkload: Workload {
    private let requests: [[UInt8]]
    /// What the events must keep besides; nothing without one.
    private let validator: EventTypeValidator?
    private let decoder = BatchDecoder(limits: Limits())

    init(requests: [[UInt8]], validator: EventTypeValidator? = nil) {
        self.requests = requests
        self.validator = validator
    }

    func run() throws {
        for request in self.requests {
            let view = try self.decoder.decode(request)
            let batchID: Int64 = 1 << 60
            let batch = try self.decoder.encode(
                view,
                key: BatchKey(tenantID: 1, producerID: view.producerID, sequence: view.sequence),
                batchID: batchID,
                receivedAt: BatchID.receivedAt(of: batchID)
            ) { event in
                if let refusal = self.validator?.check(event) { return .reject(refusal) }
                return event.withTypeBytes { $0.isEmpty } ? .accept(typeID: 0) : .accept(typeID: 1)
            }
            guard batch.rejections.isEmpty, batch.acceptedCount == view.eventCount else {
                throw WorkloadFault("synthetic events were rejected: \(batch.rejections.prefix(1))")
            }
            keep(batch)
        }
    }
}
