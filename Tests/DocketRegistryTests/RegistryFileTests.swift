import Crypto
import DocketModel
import DocketTestSupport
import Testing

@testable import DocketRegistry

@Suite("A registry file")
struct RegistryFileTests {
    private static let noon = Timestamp(microsecondsSinceEpoch: 1_795_219_200_123_456)

    /// A registry in which nothing is as it is when nobody says otherwise.
    private static var sample: RegistryFile {
        var clock = ClockPolicy()
        (clock.mode, clock.maxAheadSeconds, clock.maxBehindSeconds) = (.enforce, 7, 3_155_760_000)
        var quota = TenantQuota()
        (quota.eventsPerSecond, quota.bytesPerSecond, quota.burstSeconds) = (1, 1_000_000_000_000, 3_600)
        (quota.bytesPerDay, quota.batchesInFlight) = (1_000_000_000_000_000, 1_000_000)
        let contents = RegistryContents(
            version: .max,
            tenants: [
                .init(id: .max, slug: "acmé", state: .closing, eventTypeMode: .open, clock: clock, quota: quota),
                .init(id: 1, slug: "b"),
            ],
            credentials: [
                .init(
                    id: 9, tokenHash: (0..<32).map { UInt8($0 * 8) }, tenantIDs: [1, .max], scopes: [.query, .admin],
                    expiresAt: Timestamp(microsecondsSinceEpoch: -1)),
                .init(id: .min, tokenHash: Array(repeating: 255, count: 32), tenantIDs: nil, scopes: .publish),
                .init(id: 10, identity: .spiffe("spiffe://example.org/agent"), tenantIDs: [1], scopes: .publish),
                .init(id: 11, identity: .subject("CN=ö"), tenantIDs: [1], scopes: .publish),
                .init(
                    id: 12, identity: .jwt(issuer: "https://issuer.example", subject: "agent"), tenantIDs: [1],
                    scopes: .publish),
            ],
            eventTypes: [
                .init(id: 3, tenantID: 1, name: "a.b", definitionID: 4, isObserved: true),
                .init(id: 2, tenantID: nil, name: ""),
            ],
            definitions: [4: "{\"type\":\"🧨\"}", -4: ""], reservedTypes: ["quota.breached": 77, "x": 78])
        return RegistryFile(
            origin: .init(place: "host=/run port=5432", databaseID: "7/5"), confirmedAt: Self.noon, contents: contents)
    }

    private func bytes(_ file: RegistryFile) -> [UInt8] {
        RegistryFile.bytes(
            payload: RegistryFile.payload(origin: file.origin, contents: file.contents), confirmedAt: file.confirmedAt)
    }

    /// The bytes with a right checksum, as a forger or a fault of the collector's own would make them.
    private func sealed(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= RegistryFile.headerBytes else { return bytes }
        var bytes = bytes
        let length = bytes.count - RegistryFile.headerBytes
        for index in 0..<8 { bytes[20 + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
        bytes.replaceSubrange(
            28..<60, with: Array(SHA256.hash(data: Array(bytes[..<28]) + Array(bytes[60...]))))
        return bytes
    }

    @Test("gives back what was written")
    func roundTrip() throws {
        #expect(try RegistryFile(bytes: self.bytes(Self.sample)) == Self.sample)
        let empty = RegistryFile(origin: .init(), confirmedAt: Self.noon, contents: .empty)
        #expect(try RegistryFile(bytes: self.bytes(empty)) == empty)
    }

    /// The names and values of a value's stored properties.
    private func properties(_ value: Any) -> [String: String] {
        var properties: [String: String] = [:]
        for child in Mirror(reflecting: value).children {
            properties[child.label ?? ""] = String(reflecting: child.value)
        }
        return properties
    }

    @Test("holds every property: one that the sample leaves as it is has yet to be written")
    func everyProperty() throws {
        let sample = Self.sample
        let (tenant, credential, type) = (
            sample.contents.tenants[0], sample.contents.credentials[0], sample.contents.eventTypes[0]
        )
        let pairs: [(String, Any, Any)] = [
            ("contents", sample.contents, RegistryContents.empty),
            ("tenant", tenant, RegistryContents.Tenant(id: 0, slug: "")),
            ("clock", tenant.clock, ClockPolicy()), ("quota", tenant.quota, TenantQuota()),
            (
                "credential", credential,
                RegistryContents.Credential(id: 0, tokenHash: [], tenantIDs: nil, scopes: [])
            ),
            ("type", type, RegistryContents.EventType(id: 0, tenantID: nil, name: "")),
            ("origin", sample.origin, RegistryFile.Origin()),
        ]
        for (name, given, blank) in pairs {
            let (given, blank) = (self.properties(given), self.properties(blank))
            #expect(!given.isEmpty)
            for (property, value) in given {
                #expect(
                    value != blank[property],
                    """
                    \(name).\(property) isn't set in this test's sample. Set it, see to it that RegistryFields.swift has it, and \
                    raise RegistryFile.formatVersion
                    """)
            }
        }
    }

    @Test("has the layout that its version stands for")
    func layout() {
        let bytes = self.bytes(Self.sample)
        #expect(bytes.starts(with: "dktregis".utf8))
        #expect(bytes[8..<12].elementsEqual([1, 0, 0, 0]))
        #expect(
            SHA256.hash(data: bytes[60...]).description
                == "SHA256 digest: b739dbb2bfeaea3beef90a110fd6c9aaf5af70aa1bb3f5e0a261eb86c11dcf7d",
            "the payload's layout has changed: raise RegistryFile.formatVersion, then put the hash here")
    }

    @Test("is refused when it is cut off anywhere, or goes on behind its end")
    func torn() {
        let bytes = self.bytes(Self.sample)
        for count in 0..<bytes.count {
            #expect(throws: RegistryError.self) { try RegistryFile(bytes: Array(bytes[..<count])) }
        }
        #expect(throws: RegistryError.self) { try RegistryFile(bytes: bytes + [0]) }
    }

    @Test("is refused when any single bit is another")
    func altered() {
        let bytes = self.bytes(Self.sample)
        for index in bytes.indices {
            for bit in 0..<8 {
                var altered = bytes
                altered[index] ^= 1 << bit
                #expect(throws: RegistryError.self) { try RegistryFile(bytes: altered) }
            }
        }
    }

    @Test("says what is wrong with it")
    func messages() throws {
        func message(_ bytes: [UInt8]) throws -> String {
            try #require(throws: RegistryError.self) { try RegistryFile(bytes: bytes) }.message
        }
        let bytes = self.bytes(Self.sample)
        #expect(try message(Array("{}".utf8)) == "it isn't a registry snapshot")
        #expect(try message(Array(bytes[..<40])) == "it is cut off after 40 bytes")
        #expect(try message(bytes.dropLast()).hasSuffix("it is torn"))
        var version = bytes
        version[8] = 2
        #expect(try message(version) == "its format is version 2, and this version of docket reads 1")
        var altered = bytes
        altered[70] ^= 1
        #expect(try message(altered) == "its checksum is wrong: it was altered or damaged")
    }

    @Test("never traps, whatever bytes it is read from, and what can be read can be gone by and written again")
    func anyBytes() throws {
        var generator = SeededGenerator.ofRun()
        let bytes = self.bytes(Self.sample)
        var readable = 0
        for _ in 0..<20_000 {
            var altered = bytes
            for _ in 0...Int.random(in: 0..<4, using: &generator) {
                let index = Int.random(in: 12..<altered.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: altered[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: altered[index] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF].randomElement(using: &generator) ?? 0
                case 2:
                    let count = Int.random(in: 0..<12, using: &generator)
                    altered.replaceSubrange(index..<index, with: generator.bytes(count))
                default: altered.removeSubrange(index..<min(index + 3, altered.count))
                }
                if altered.count < 80 { altered = bytes }
            }
            guard let file = try? RegistryFile(bytes: self.sealed(altered)) else { continue }
            readable += 1
            _ = RegistrySnapshot(file.contents)
            _ = "\(file.confirmedAt)"
            #expect(try RegistryFile(bytes: self.bytes(file)) == file)
        }
        #expect(readable > 100, "the mutations are too wild to show anything")
        for _ in 0..<2_000 {
            let noise = Array(bytes[..<60]) + generator.bytes(Int.random(in: 0..<200, using: &generator))
            _ = try? RegistryFile(bytes: self.sealed(noise))
        }
    }

    @Test("isn't believed to have more elements than it has bytes")
    func hugeCounts() {
        // An origin of two empty texts, version 0, and then as many tenants as a number can say.
        let payload: [UInt8] = [0, 0, 0] + Array(repeating: 0xFE, count: 9) + [1]
        let bytes = RegistryFile.bytes(payload: payload, confirmedAt: Self.noon)
        #expect(throws: RegistryError.self) { try RegistryFile(bytes: bytes) }
    }
}
