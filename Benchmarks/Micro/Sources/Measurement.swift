import Glibc
import Histogram

/// What one benchmark measured.
struct Measurement {
    let benchmark: Benchmark
    /// How many runs were timed and counted.
    let runs: Int
    /// Processor time of one run on this thread, in nanoseconds.
    let runNanoseconds: Histogram<UInt64>
    /// What one run allocates: the median of all, so that the growth of something that is kept doesn't count.
    let allocations: AllocationCount

    /// How long to run at least, however little time is given.
    private static let minRuns = 30
    private static let minWarmUpRuns = 10

    /// Measures a benchmark.
    ///
    /// - Parameter seconds: how much processor time the timed runs may take; the warm-up takes a quarter of it more.
    init(_ benchmark: Benchmark, seconds: Double) throws {
        let workload = try benchmark.makeWorkload()
        let maxRuns = workload.maxRuns ?? .max
        let budget = UInt64(max(0, seconds) * 1e9)
        var warmUp = 0
        var spent: UInt64 = 0
        while warmUp < maxRuns / 4, warmUp < Self.minWarmUpRuns || spent < budget / 4 {
            try workload.prepare()
            let start = threadNanoseconds()
            try workload.run()
            spent += threadNanoseconds() - start
            warmUp += 1
        }
        var times = Histogram<UInt64>(
            highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
        var counts: [AllocationCount] = []
        spent = 0
        while counts.count < maxRuns - warmUp, counts.count < Self.minRuns || spent < budget {
            try workload.prepare()
            var nanoseconds: UInt64 = 0
            let count = try AllocationCount.of {
                let start = threadNanoseconds()
                try workload.run()
                nanoseconds = threadNanoseconds() - start
            }
            times.record(nanoseconds)
            counts.append(count)
            spent += nanoseconds
        }
        self.benchmark = benchmark
        self.runs = counts.count
        self.runNanoseconds = times
        self.allocations = AllocationCount(
            allocations: median(counts.map(\.allocations)), frees: median(counts.map(\.frees)),
            bytes: median(counts.map(\.bytes)))
    }

    /// A run's share of one operation.
    func perOperation(_ value: some BinaryInteger) -> Double { Double(value) / Double(self.benchmark.operations) }
}

/// The processor time that this thread has used, in nanoseconds: what others do on the machine stays out of it.
private func threadNanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

private func median(_ values: [Int]) -> Int { values.isEmpty ? 0 : values.sorted()[values.count / 2] }
