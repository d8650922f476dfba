import CAllocationCounter
import Glibc

/// What the calling thread took from the heap during some work.
struct AllocationCount: Equatable {
    var allocations = 0
    var frees = 0
    /// How much was asked for, in bytes.
    var bytes = 0

    /// Counts what `body` does on this thread.
    static func of(_ body: () throws -> Void) rethrows -> AllocationCount {
        let before = allocation_counter_read()
        try body()
        let after = allocation_counter_read()
        return AllocationCount(
            allocations: Int(after.allocations - before.allocations), frees: Int(after.frees - before.frees),
            bytes: Int(after.bytes - before.bytes))
    }

    /// Keeps the pages of freed memory, so that their cost doesn't come and go between runs.
    static func keepMemory() { allocation_counter_keep_memory() }

    /// Throws unless allocations whose number is known are counted as that: a counter that isn't called would pass any
    /// threshold.
    static func prove() throws {
        guard allocation_counter_works() else {
            throw WorkloadFault(
                "allocations can't be counted here: it takes glibc and a build without sanitizers; "
                    + "build with 'swift build -c release --product micro-benchmarks'")
        }
        for proof in CounterWorkloads.all {
            let workload = try proof.benchmark.makeWorkload()
            try workload.run()
            let count = try Self.of { try workload.run() }
            guard count.allocations == proof.allocations else {
                throw WorkloadFault(
                    "the counter counts \(count.allocations) allocations for \(proof.benchmark.name), "
                        + "which makes \(proof.allocations): is malloc replaced by another library (LD_PRELOAD)?")
            }
        }
    }
}

/// Work whose number of allocations is known, to prove the counter.
enum CounterWorkloads {
    static let all: [(benchmark: Benchmark, allocations: Int)] = [
        (benchmark("counter/nothing") { keep(0) }, 0),
        (benchmark("counter/c-malloc") { unsafe free(allocation_counter_call_malloc(64)) }, 100),
        // realloc twice, and calloc, aligned_alloc and posix_memalign.
        (benchmark("counter/c-others") { allocation_counter_call_others() }, 500),
        (benchmark("counter/swift-array") { keep([UInt8](repeating: 1, count: 64)) }, 100),
        (benchmark("counter/swift-object") { keep(Thing()) }, 100),
    ]

    private static func benchmark(_ name: String, _ body: @escaping @Sendable () -> Void) -> Benchmark {
        Benchmark(name: name, unit: .call, operations: 100) { ClosureWorkload { for _ in 0..<100 { body() } } }
    }

    private final class Thing {
        var value = 1
    }
}
