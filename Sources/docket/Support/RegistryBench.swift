import DevCluster
import DocketClient
import DocketModel
import DocketRegistry
import DocketTerminal
import Foundation
import SyntheticLoad

/// Loads a collector with a small registry and one with a large one, in turn.
struct RegistryBench {
    /// What the event types of a registry are defined by.
    enum Definitions: String, CaseIterable, Codable {
        case none, shared, own
    }

    let tenants: Int
    /// For each tenant.
    let types: Int
    let definitions: Definitions
    /// Of each run.
    let events: Int
    let eventsPerBatch: Int

    /// Connections of the load generator, and batches that each keeps under way.
    private static let connections = 4, inFlight = 4
    private static let writers = 2

    func run(rounds: Int) async throws -> RegistryReport {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docket-bench-\(getpid())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let small = try await Contestant(name: "small", tenants: 1, types: 1, self)
        let large = try await Contestant(name: "large", tenants: self.tenants, types: self.types, self)
        var report = RegistryReport(tenants: self.tenants, types: self.types, definitions: self.definitions)
        for _ in 0..<rounds {
            report.small.append(try await self.run(small, folder: folder))
            report.large.append(try await self.run(large, folder: folder))
        }
        return report
    }

    /// A fresh collector over an empty table.
    private func run(_ contestant: Contestant, folder: String) async throws -> RegistryReport.Run {
        let environment = contestant.environment
        try environment.execute("TRUNCATE docket.events, docket.batches, docket.quarantine")
        try environment.execute("CHECKPOINT")
        let collector = try BenchCollector(
            environment: environment, folder: folder, name: contestant.name, writers: Self.writers)
        defer { collector.stop() }
        let ready = try await collector.waitUntilReady()
        let resident = collector.residentMebibytes
        var configuration = AuditClient.Configuration(target: ready.address, token: contestant.token)
        configuration.maxInFlightBatches = Self.inFlight
        let load = LoadRun(
            clients: Array(repeating: configuration, count: Self.connections),
            batches: self.batches(typeCount: contestant.types),
            inFlightPerConnection: Self.inFlight, batchesPerSecond: nil, tenantCount: contestant.tenants)
        let before = collector.cpuSeconds
        let result = try await load.run()
        let cpuSeconds = collector.cpuSeconds - before
        let stored = try environment.execute("SELECT count(*) FROM docket.events")
        guard stored == "\(result.eventCount)" else {
            throw CommandError(.software, "\(stored) events are stored; \(result.eventCount) were acknowledged")
        }
        return RegistryReport.Run(
            startSeconds: ready.seconds, residentMebibytes: resident,
            collectorMicroseconds: cpuSeconds / Double(result.eventCount) * 1e6,
            eventsPerSecond: Double(result.eventCount) / result.seconds)
    }

    private func batches(typeCount: Int) -> [[Event]] {
        var generator = SyntheticEvents(seed: 1, sizeBytes: nil)
        return stride(from: 0, to: self.events, by: self.eventsPerBatch).map { start in
            (start..<min(start + self.eventsPerBatch, self.events)).map { index in
                var event = generator.next()
                event.type = Self.typeName(index % typeCount)
                return event
            }
        }
    }

    fileprivate static func typeName(_ index: Int) -> String { "bench.type_\(index)" }
}

extension RegistryBench {
    /// A database with a registry.
    private struct Contestant {
        let name: String
        let tenants: Int
        let types: Int
        let environment: DevEnvironment
        let token: String

        init(name: String, tenants: Int, types: Int, _ bench: RegistryBench) async throws {
            self.name = name
            self.tenants = tenants
            self.types = types
            do throws(DevClusterError) {
                // A durable one, which goes with this process, however the benchmark ends.
                self.environment = DevEnvironment(
                    cluster: try EphemeralCluster.shared("bench-\(name)", settings: DevCluster.Settings()))
            } catch {
                throw CommandError(error)
            }
            try await self.environment.prepare()
            var generator = SystemRandomNumberGenerator()
            let token = AccessToken(using: &generator)
            self.token = token.secret
            let hash = hexadecimal(token.hash)
            try self.environment.execute(
                """
                INSERT INTO docket.tenants (slug) SELECT 'bench-' || number FROM generate_series(0, \(tenants - 1)) AS number;
                INSERT INTO docket.credentials (token_hash, scopes, covers_all_tenants)
                VALUES ('\\x\(hash)', \(CredentialScopes.publish.rawValue), true);
                \(Self.definitions(bench.definitions, types: types));
                INSERT INTO docket.event_types (tenant_id, name, definition_id)
                SELECT tenant_id, 'bench.type_' || number, (
                    SELECT definition_id FROM docket.event_type_definitions
                    WHERE content_hash = sha256(convert_to(\(Self.body(bench.definitions)), 'UTF8')))
                FROM docket.tenants, generate_series(0, \(types - 1)) AS number WHERE slug LIKE 'bench-%';
                ANALYZE
                """)
        }

        /// Makes the definitions of all types.
        private static func definitions(_ definitions: Definitions, types: Int) -> String {
            guard definitions != .none else { return "" }
            return """
                INSERT INTO docket.event_type_definitions (content_hash, body)
                SELECT DISTINCT sha256(convert_to(body, 'UTF8')), body FROM (
                    SELECT \(self.body(definitions)) AS body
                    FROM docket.tenants, generate_series(0, \(types - 1)) AS number WHERE slug LIKE 'bench-%') AS made
                """
        }

        /// An SQL expression: the definition of the type `number` of the tenant `slug`.
        private static func body(_ definitions: Definitions) -> String {
            guard definitions != .none else { return "NULL" }
            let tenant = definitions == .own ? "' of ' || slug" : "''"
            return """
                '{"name":"bench.type_' || number || '","version":1,"description":"Type' || \(tenant)
                || '","required_fields":["actor.id","action"],"unknown_attributes":"keep","attributes":{"type":"object",'
                || '"properties":{"region":{"type":"string","maxLength":64},"port":{"type":"integer","minimum":0}}}}'
                """
        }
    }
}

extension DevEnvironment {
    /// Runs SQL as the superuser, and gives what it prints.
    @discardableResult
    func execute(_ sql: String) throws -> String {
        do throws(DevClusterError) {
            return try self.cluster.execute(sql, database: Self.database)
        } catch {
            throw CommandError(error)
        }
    }
}

/// What ``RegistryBench`` measured: every run, and the medians.
struct RegistryReport: PrintedReport {
    struct Run: Encodable {
        /// From the start of the process until it serves.
        var startSeconds: Double
        /// The collector's memory when it serves, before the load.
        var residentMebibytes: Double
        var collectorMicroseconds: Double
        var eventsPerSecond: Double
    }

    var tenants: Int
    var types: Int
    var definitions: RegistryBench.Definitions
    var small: [Run] = []
    var large: [Run] = []

    init(tenants: Int, types: Int, definitions: RegistryBench.Definitions) {
        self.tenants = tenants
        self.types = types
        self.definitions = definitions
    }

    /// The medians as a table.
    func table(style: TerminalStyle) -> String {
        var table = TextTable(columns: [
            .fixed(""), .number("1 TENANT, 1 TYPE"),
            .number("\(grouped(self.tenants)) TENANTS, \(self.types) TYPES EACH"),
            .number("RATIO"),
        ])
        for (name, digits, value) in [
            ("start until it serves, s", 2, \.startSeconds), ("memory at start, MiB", 1, \.residentMebibytes),
            ("collector CPU, µs/event", 3, \.collectorMicroseconds), ("events/s", 0, \.eventsPerSecond),
        ] as [(String, Int, KeyPath<Run, Double>)] {
            let (small, large) = (self.small.map { $0[keyPath: value] }, self.large.map { $0[keyPath: value] })
            table.addRow([
                name, BenchReport.spread(small, digits), BenchReport.spread(large, digits),
                BenchReport.number(BenchReport.median(large) / BenchReport.median(small), 2),
            ])
        }
        let snapshot =
            BenchReport.median(self.large.map(\.residentMebibytes))
            - BenchReport.median(self.small.map(\.residentMebibytes))
        return
            "definitions: \(self.definitions.rawValue); median (min–max) of \(self.small.count) runs each, in turn\n\n"
            + table.rendered(width: nil, style: style)
            + "\nthe large registry takes \(BenchReport.number(snapshot, 1)) MiB of memory\n"
    }
}
