import DevCluster
import DocketCodec
import DocketStore
import DocketTestSupport
import Foundation
import Testing

@testable import DocketPostgres

/// A way to make a server refuse connections.
struct Closure: Sendable, CustomTestStringConvertible {
    let code: String
    let testDescription: String
    /// What the sender is told.
    let says: String
    let begin: @Sendable (TestDatabase) throws -> Void
    let end: @Sendable (TestDatabase) throws -> Void

    private init(
        _ code: String, _ description: String, says: String, begin: @escaping @Sendable (TestDatabase) throws -> Void,
        end: @escaping @Sendable (TestDatabase) throws -> Void
    ) {
        (self.code, self.testDescription, self.says, self.begin, self.end) = (code, description, says, begin, end)
    }

    static let all: [Closure] = [
        Closure(
            "28000", "the role may no longer log in", says: "not permitted to log in",
            begin: { try $0.cluster.execute("ALTER ROLE docket_writer NOLOGIN") },
            end: { try $0.cluster.execute("ALTER ROLE docket_writer LOGIN") }),
        Closure(
            "3D000", "the database has another name", says: "does not exist",
            begin: { try $0.cluster.execute("ALTER DATABASE \($0.name) RENAME TO elsewhere") },
            end: { try $0.cluster.execute("ALTER DATABASE elsewhere RENAME TO \($0.name)") }),
        Closure(
            "53300", "the role has no connections left", says: "too many connections",
            begin: { try $0.cluster.execute("ALTER ROLE docket_writer CONNECTION LIMIT 0") },
            end: { try $0.cluster.execute("ALTER ROLE docket_writer CONNECTION LIMIT -1") }),
        Closure(
            "57P03", "the server is recovering", says: "not accepting connections",
            begin: { database in
                let cluster = database.cluster
                try cluster.execute("ALTER SYSTEM SET hot_standby = off")
                try cluster.stop()
                // A standby that takes no connections is a server that never ends its recovery.
                try Data().write(to: URL(filePath: "\(cluster.dataFolder)/standby.signal"))
                try cluster.start()
            },
            end: { database in
                let cluster = database.cluster
                try cluster.stop()
                try FileManager.default.removeItem(atPath: "\(cluster.dataFolder)/standby.signal")
                try cluster.start()
                // Without hot standby a server is said to be up as soon as it begins to recover.
                let deadline = ContinuousClock.now + .seconds(60)
                while (try? cluster.execute("ALTER SYSTEM RESET hot_standby")) == nil {
                    try #require(ContinuousClock.now < deadline, "the server does not come out of its recovery")
                }
            }),
    ]
}

@Suite("When the server itself is at fault", .serialized)
struct ServerFaultTests {
    private func database(on cluster: String = "faults") async throws -> TestDatabase {
        let database = try TestDatabase.empty(on: cluster)
        _ = try await Migrator(settings: database.settings(DevCluster.superuser)).migrate()
        return database
    }

    private func run(_ provocation: Provocation, on cluster: String = "faults") async throws {
        let bed = try await FaultBed(self.database(on: cluster), setUp: provocation.setUp)
        try await provocation.check(bed)
        #expect(bed.failures.codes.contains(provocation.code), "met: \(bed.failures.codes)")
    }

    @Test(
        "batches are unavailable, nothing is quarantined, and they are stored once it is over",
        arguments: Provocation.ofServer)
    func ofServer(_ provocation: Provocation) async throws { try await self.run(provocation) }

    @Test(
        "a full disk makes batches unavailable, and they are stored once there is room",
        .enabled(
            if: SmallDisk.isPossible, "a small file system can be mounted by root only, and not in every container"))
    func diskFull() async throws {
        // A server that knew of the disk would want it back when it recovers.
        try await self.run(Provocation.diskFull, on: "disk")
    }

    @Test(
        "nobody may connect: batches are unavailable, and are stored once connections are possible again",
        arguments: Closure.all)
    func closed(_ closure: Closure) async throws {
        let bed = try await FaultBed(self.database())
        let message = try await bed.expectUnavailable(
            while: {
                try await bed.endSession()
                try closure.begin(bed.database)
            }, until: { try closure.end(bed.database) })
        #expect(message.contains(closure.says), "\(message)")
    }

    @Test("a crash of the server in the middle of a COPY is waited out")
    func crash() async throws {
        let bed = try await FaultBed(self.database(), unavailableAfter: .seconds(120))
        let other = try bed.database.connect()
        try other.execute("BEGIN; \(try bed.maker.batch(2, [bed.maker.event(1)]).occupation)")
        try await bed.expectUnnoticed {
            try await bed.waitUntilBlocked()
            // The postmaster ends all sessions when one of them was killed, and recovers.
            #expect(kill(other.backendProcessID, SIGKILL) == 0)
        }
    }
}
