import DevCluster
import DocketCodec
import DocketModel
import DocketPostgres
import Foundation

/// The bare C loader (`Benchmarks/CopyLoader`) with the rows that the collector would write.
struct BenchLoader {
    /// Rows a transaction: past the knee of PostgreSQL's curve.
    private static let rowsPerCommit = 20_000

    private let program: String
    private let environment: DevEnvironment
    private let file: String
    private let connections: Int

    /// Encodes the rows into a file. `nil` when the loader isn't built: it lies beside this program.
    init?(environment: DevEnvironment, batches: [[Event]], folder: String, connections: Int) throws {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        self.program = own.deletingLastPathComponent().appendingPathComponent("copy-loader").path
        guard FileManager.default.isExecutableFile(atPath: self.program) else {
            Console.error(
                "copy-loader is not built; build it for the comparison: swift build -c release --product copy-loader")
            return nil
        }
        self.environment = environment
        self.file = "\(folder)/rows.copy"
        self.connections = connections
        try Self.encode(batches, to: self.file)
    }

    /// Writes the COPY tuples of all events, encoded as the collector encodes them.
    static func encode(_ batches: [[Event]], to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let output = FileHandle(forWritingAtPath: path)
        else {
            throw CommandError(.cannotCreate, "cannot write '\(path)'")
        }
        let decoder = BatchDecoder(limits: Limits())
        let producerID = ProducerID(high: 1, low: 1)
        for (index, events) in batches.enumerated() {
            var request = EventEncoder.publishRequestPrefix(tenant: "", producerID: producerID, sequence: Int64(index))
            for event in events { EventEncoder.append(event, to: &request) }
            let batchID = BatchID.make(at: .now, node: 0, counter: 0) ?? 0
            let encoded = try decoder.encode(
                try decoder.decode(request), key: BatchKey(tenantID: 1, producerID: producerID, sequence: Int64(index)),
                batchID: batchID, receivedAt: BatchID.receivedAt(of: batchID)
            ) { _ in .accept(typeID: 1) }
            guard encoded.rejections.isEmpty else {
                throw CommandError(.software, "a synthetic event is rejected: \(encoded.rejections[0].reason)")
            }
            try output.write(contentsOf: Data(encoded.tuples))
        }
        try output.close()
    }

    /// Loads all rows once.
    func run() throws -> BenchReport.LoaderRun {
        let table = try self.environment.cluster.execute(
            "SELECT 'docket.' || table_name FROM docket.segments WHERE state = 'hot'", database: DevEnvironment.database
        )
        let postgres = self.environment.cluster.serverProcessID ?? 0
        let before = ProcessCPU.secondsOfTree(postgres) ?? 0
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: self.program)
        process.arguments = [
            self.environment.conninfo(role: Roles.maintainer), table, EventColumn.sqlList, self.file,
            "\(Self.rowsPerCommit)", "\(self.connections)", "1",
        ]
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let after = ProcessCPU.secondsOfTree(postgres) ?? 0
        guard process.terminationStatus == 0, let result = try? JSONDecoder().decode(Output.self, from: text) else {
            throw CommandError(.software, "copy-loader failed with status \(process.terminationStatus)")
        }
        let rows = Double(result.rows)
        return BenchReport.LoaderRun(
            eventsPerSecond: rows / result.seconds, loaderMicroseconds: result.cpuSeconds / rows * 1e6,
            postgresMicroseconds: (after - before) / rows * 1e6)
    }

    private struct Output: Decodable {
        var rows: Int
        var seconds: Double
        var cpuSeconds: Double

        enum CodingKeys: String, CodingKey {
            case rows, seconds
            case cpuSeconds = "cpu_seconds"
        }
    }
}
