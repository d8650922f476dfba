import CAllocationCounter
import Foundation

/// Where a run's allocations come from.
enum AllocationTrace {
    /// How many places are shown, those with the most allocations first.
    private static let maxPlaces = 12
    /// How many functions of each.
    private static let maxFunctions = 14

    /// Whether the environment asks for it.
    static var isWanted: Bool { ProcessInfo.processInfo.environment["DOCKET_ALLOC_TRACE"] == "1" }

    /// Runs a benchmark and says which call stacks allocated.
    static func text(of benchmark: Benchmark) throws -> String {
        let workload = try benchmark.makeWorkload()
        for _ in 0..<5 {
            try workload.prepare()
            try workload.run()
        }
        try workload.prepare()
        allocation_trace_begin()
        let result = Result { try workload.run() }
        let count = allocation_trace_end()
        try result.get()

        let sites = (0..<count).compactMap { unsafe allocation_trace_site($0)?.pointee }
        let stacks = sites.map { Self.addresses(of: $0) }
        let names = try Self.names(of: Set(stacks.joined()))
        var places: [[String]: (allocations: UInt64, bytes: UInt64)] = [:]
        for (site, stack) in zip(sites, stacks) {
            // Several calls on one line are one place.
            let functions = Array(stack.flatMap { names[$0] ?? [$0] }.prefix(Self.maxFunctions))
            places[functions, default: (0, 0)].allocations += site.allocations
            places[functions, default: (0, 0)].bytes += site.bytes
        }
        return Self.text(of: benchmark, places)
    }

    private static func text(
        of benchmark: Benchmark, _ places: [[String]: (allocations: UInt64, bytes: UInt64)]
    ) -> String {
        let sorted = places.sorted { ($0.value.allocations, $0.key.count) > ($1.value.allocations, $1.key.count) }
        var text = "\(benchmark.name): allocations of one run (\(benchmark.operations) \(benchmark.unit.rawValue)s)\n"
        for (functions, sum) in sorted.prefix(Self.maxPlaces) {
            text += "\n  \(sum.allocations) allocations, \(sum.bytes) bytes\n"
            for function in functions { text += "    \(function)\n" }
        }
        if sorted.count > Self.maxPlaces { text += "\n  and \(sorted.count - Self.maxPlaces) more places\n" }
        return text
    }

    /// The site's frames as `llvm-symbolizer` takes them: file and address in it.
    private static func addresses(of site: allocation_site) -> [String] {
        var frames = unsafe site.frames
        return unsafe withUnsafeBytes(of: &frames) { bytes in
            unsafe bytes.bindMemory(to: UnsafeRawPointer?.self).prefix(Int(site.frame_count)).map { address in
                var addressInFile: UInt = 0
                // A return address may already be the next line's: the byte before it is the call's.
                guard let call = unsafe address.map({ unsafe $0 - 1 }),
                    let file = unsafe allocation_trace_file(call, &addressInFile)
                else { return "?" }
                return unsafe "\(String(cString: file)) 0x\(String(addressInFile, radix: 16))"
            }
        }
    }

    /// The functions at each address, inlined ones first, by the tools of LLVM and Swift; empty when those are missing.
    private static func names(of addresses: Set<String>) throws -> [String: [String]] {
        let order = Array(addresses)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("micro-benchmarks-\(UUID()).txt")
        try Data((order.joined(separator: "\n") + "\n").utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "llvm-symbolizer --output-style=LLVM --functions --inlines --basenames | swift-demangle --simplified",
        ]
        let output = Pipe()
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // An empty line ends what is said of an address.
        let answers = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            .components(separatedBy: "\n\n")
        process.waitUntilExit()
        guard process.terminationStatus == 0, answers.count >= order.count else { return [:] }
        // A line for the function, and one for its place in the source, in turn.
        return Dictionary(uniqueKeysWithValues: zip(order, answers.lazy.map(Self.functions)))
    }

    private static func functions(_ answer: String) -> [String] {
        let lines = answer.split(separator: "\n").map(String.init)
        return stride(from: 0, to: lines.count - 1, by: 2).map { "\(lines[$0]) (\(lines[$0 + 1]))" }
    }
}
