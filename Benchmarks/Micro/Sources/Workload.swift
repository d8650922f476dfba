/// What one benchmark does. One run of it is long enough for the clock: hundreds of operations.
protocol Workload: AnyObject {
    /// How many runs it bears, warm-up included; `nil`: any number. For those that keep what a run makes.
    var maxRuns: Int? { get }

    /// Makes ready for the next run. Neither timed nor counted.
    func prepare() throws

    /// Does every operation once.
    func run() throws
}

extension Workload {
    var maxRuns: Int? { nil }

    func prepare() throws {}
}

/// A benchmark by its name.
struct Benchmark: Sendable {
    /// What an operation is about.
    enum Unit: String, Sendable, Encodable {
        case event
        case request
        case call
    }

    /// `AREA/WHAT`.
    let name: String
    let unit: Unit
    /// How many operations one run has.
    let operations: Int
    let makeWorkload: @Sendable () throws -> any Workload

    /// All benchmarks, in the order of an event's way.
    static let all: [Benchmark] =
        EventWorkloads.all + ClientWorkloads.all + HTTP2Workloads.all + GRPCWorkloads.all + CodecWorkloads.all
        + CodecStepWorkloads.all
        + EventTypeWorkloads.all + MerkleWorkloads.all
}

/// A workload that is one closure.
final class ClosureWorkload: Workload {
    private let body: () throws -> Void

    init(_ body: @escaping () throws -> Void) { self.body = body }

    func run() throws { try self.body() }
}

/// Takes a result, so that the optimizer must compute it.
@inline(never) @_optimize(none)
func keep<Value>(_: borrowing Value) {}

/// A benchmark that doesn't do what it says: its figures would be worth nothing.
struct WorkloadFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
