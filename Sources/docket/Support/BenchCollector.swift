import DocketPostgres
import DocketRuntime
import Foundation

/// A `docket serve` of this program, as a process of its own.
final class BenchCollector {
    private let process = Process()
    private let readyFile: String
    private let startedAt: ContinuousClock.Instant

    /// - Parameter name: tells the collectors of one folder apart.
    init(environment: DevEnvironment, folder: String, name: String = "collector", writers: Int) throws {
        self.readyFile = "\(folder)/\(name).json"
        unlink(self.readyFile)
        self.process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        self.process.arguments = [
            "serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--writers", "\(writers)",
            "--log-level", "warning", "--ready-file", self.readyFile,
        ]
        var variables = ProcessInfo.processInfo.environment
        variables["DOCKET_POSTGRES_WRITER"] = environment.conninfo(role: Roles.writer)
        variables["DOCKET_POSTGRES_READER"] = environment.conninfo(role: Roles.reader)
        variables["DOCKET_POSTGRES_MAINTAINER"] = environment.conninfo(role: Roles.maintainer)
        self.process.environment = variables
        self.startedAt = .now
        try self.process.run()
    }

    /// The address of its gRPC side, once it serves, and how long that took.
    func waitUntilReady() async throws -> (address: String, seconds: Double) {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline, self.process.isRunning {
            if let ready = try? ReadyFile(contentsOf: self.readyFile) {
                return (ready.grpc, Double((ContinuousClock.now - self.startedAt).microseconds) / 1e6)
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw CommandError(.unavailable, "the collector did not become ready within 30 s; its log is above")
    }

    var cpuSeconds: Double { ProcessCPU.seconds(of: self.process.processIdentifier) ?? 0 }

    /// The most memory that it has had, in MiB.
    var peakMebibytes: Double { self.mebibytes("VmHWM:") }

    /// The memory that it has now, in MiB.
    var residentMebibytes: Double { self.mebibytes("VmRSS:") }

    /// A line of proc_pid_status(5).
    private func mebibytes(_ name: String) -> Double {
        let path = "/proc/\(self.process.processIdentifier)/status"
        let line = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n").first {
            $0.hasPrefix(name)
        }
        let kibibytes = line?.split(whereSeparator: { $0.isWhitespace }).dropFirst().first.flatMap { Double($0) }
        return (kibibytes ?? 0) / 1024
    }

    func stop() {
        self.process.terminate()
        self.process.waitUntilExit()
    }
}
