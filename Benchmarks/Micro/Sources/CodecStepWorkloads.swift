import DocketCodec
import DocketModel

/// The steps between a request's bytes and the batch that the store takes, one at a time. `codec/whole-batch` is their sum
/// with the hashes.
enum CodecStepWorkloads {
    /// Few enough to stay in the processor's cache, as the one event at hand does in the collector.
    private static let events = 25

    static let all = [
        benchmark("codec/protobuf-decode") { steps, index in steps.decode(at: index) },
        benchmark("codec/validate") { steps, index in steps.refusal(at: index) == nil },
        benchmark("codec/write-canonical") { steps, index in steps.writeCanonical(at: index) > 0 },
        benchmark("codec/write-tuple") { steps, index in steps.writeTuple(at: index) > 0 },
    ]

    private static func benchmark(
        _ name: String, _ step: @escaping @Sendable (CodecSteps, Int) -> Bool
    ) -> Benchmark {
        Benchmark(name: name, unit: .event, operations: Sample.batchEvents) {
            let steps = try CodecSteps(events: Sample.events(Self.events).map { encodeEvent($0) }, limits: Limits())
            return ClosureWorkload {
                for operation in 0..<Sample.batchEvents where !step(steps, operation % steps.count) {
                    throw WorkloadFault("\(name) failed on a synthetic event")
                }
            }
        }
    }
}
