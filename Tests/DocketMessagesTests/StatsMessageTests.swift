import DocketMessages
import DocketModel
import DocketTestSupport
import Testing

@Suite("StatsRequest")
struct StatsRequestMessageTests {
    private static func time(_ microseconds: Int64) -> Timestamp { Timestamp(microsecondsSinceEpoch: microseconds) }

    private static func filter(_ from: Int64?, _ to: Int64?) -> EventFilter {
        var filter = EventFilter()
        filter.occurredFrom = from.map { Self.time($0) }
        filter.occurredTo = to.map { Self.time($0) }
        return filter
    }

    @Test("a request comes back as it went")
    func roundTrip() throws {
        for request in [
            StatsRequestMessage(),
            StatsRequestMessage(tenant: "a", moreTenants: ["b", "c"], grouping: .resourceType, groupLimit: 1_000),
            StatsRequestMessage(
                isOfAllTenants: true, filter: Self.filter(-5, 100), grouping: .actor, groupLimit: 1,
                buckets: .width(microseconds: 7)),
            StatsRequestMessage(filter: Self.filter(-5, nil), buckets: .starts([Self.time(-6), Self.time(0)])),
        ] {
            #expect(try StatsRequestMessage(serialized: request.serialized()) == request)
        }
    }

    @Test("no bytes at all ask for the twenty most frequent types")
    func defaults() throws {
        #expect(
            try StatsRequestMessage(serialized: [])
                == StatsRequestMessage(grouping: .type, groupLimit: 20, buckets: nil))
    }

    @Test(
        "what can't be answered is told with its field, the limit and the remedy",
        arguments: [
            (StatsRequestMessage(groupLimit: 1_001), "max_groups", "exceed 1000"),
            (StatsRequestMessage(buckets: .width(microseconds: 1)), "bucket_us", "need a range"),
            (
                StatsRequestMessage(filter: Self.filter(0, 1), buckets: .width(microseconds: 0)), "bucket_us",
                "send 1 microsecond"
            ),
            (
                StatsRequestMessage(filter: Self.filter(0, 1_000), buckets: .width(microseconds: 1)), "bucket_us",
                "1001 buckets exceed 1000; ask for a shorter range"
            ),
            (
                StatsRequestMessage(filter: Self.filter(0, 100), groupLimit: 1_000, buckets: .width(microseconds: 1)),
                "max_groups", "1000 groups in 101 buckets exceed 100000 counts"
            ),
            (StatsRequestMessage(buckets: .starts([Self.time(0)])), "bucket_starts_us", "not before it"),
            (
                StatsRequestMessage(filter: Self.filter(0, 1), buckets: .starts([Self.time(1)])), "bucket_starts_us",
                "not before it"
            ),
            (
                StatsRequestMessage(filter: Self.filter(3, 3), buckets: .starts([Self.time(1), Self.time(1)])),
                "bucket_starts_us", "rising"
            ),
            (
                StatsRequestMessage(filter: Self.filter(0, 1), buckets: .starts([Self.time(.min)])),
                "bucket_starts_us", "years 1 to 9999"
            ),
            (
                StatsRequestMessage(
                    filter: Self.filter(0, 1), buckets: .starts((0...1_000).map { Self.time($0) })),
                "bucket_starts_us", "1001 buckets exceed 1000"
            ),
            (StatsRequestMessage(tenant: "a", isOfAllTenants: true), "all_tenants", "leave"),
        ])
    func refused(_ request: StatsRequestMessage, _ field: String, _ said: String) throws {
        let bytes = request.serialized()
        let error = #expect(throws: MessageError.self) { try StatsRequestMessage(serialized: bytes) }
        #expect(error?.field == field)
        #expect(error?.message.contains(said) == true, "\(error?.message ?? "")")
    }

    @Test("numbers that stand for nothing are refused, and both sorts of buckets at once")
    func wrongNumbers() throws {
        func request(_ fields: (inout WireWriter) -> Void) -> [UInt8] {
            var writer = WireWriter()
            fields(&writer)
            return writer.bytes
        }
        let unknown = request { $0.append(field: 5, varint: 11) }
        #expect(throws: MessageError.self) { try StatsRequestMessage(serialized: unknown) }
        let both = request {
            $0.append(field: 7, varint: 1)
            $0.append(field: 8, packed: [1])
        }
        let error = #expect(throws: MessageError.self) { try StatsRequestMessage(serialized: both) }
        #expect(error?.message.contains("leave one of both out") == true)
    }
}

@Suite("StatsResponse")
struct StatsResponseMessageTests {
    private static let full = StatsResponseMessage(
        groups: [
            .init(value: "é", count: 5, bucketCounts: [5, 0]), .init(value: nil, count: 3, bucketCounts: [0, 3]),
        ],
        other: .init(value: nil, count: .max - 8, bucketCounts: [1, .max - 9]), otherGroupCount: 7, count: .max,
        bucketStarts: [Timestamp(microsecondsSinceEpoch: -1), Timestamp(microsecondsSinceEpoch: 1)])

    @Test("an answer comes back as it went; no value differs from an empty one")
    func roundTrip() throws {
        let empty = StatsResponseMessage(groups: [.init(value: "", count: 1), .init(value: nil, count: 1)], count: 2)
        for answer in [Self.full, empty, StatsResponseMessage(groups: [], count: 0)] {
            #expect(try StatsResponseMessage(serialized: answer.serialized()) == answer)
        }
    }

    @Test("one with more than can be asked for is refused, and one whose counts don't fit its buckets")
    func hostile() {
        var uneven = Self.full
        uneven.groups[0].bucketCounts = [1]
        let many = StatsResponseMessage(
            groups: [.init(value: "a", count: 1)].flatMap { Array(repeating: $0, count: 1_001) }, count: 1)
        let long = StatsResponseMessage(
            groups: [], count: 0, bucketStarts: (0...1_000).map { Timestamp(microsecondsSinceEpoch: $0) })
        for answer in [uneven, many, long] {
            let bytes = answer.serialized()
            let error = #expect(throws: MessageError.self) { try StatsResponseMessage(serialized: bytes) }
            #expect(error?.code == .outOfRange)
        }
    }

    @Test("counts that are no parts of the whole are refused, and buckets that don't rise or lie in no year")
    func sums() {
        typealias Change = (inout StatsResponseMessage) -> Void
        let changes: [Change] = [
            { $0.count = 9 }, { $0.count = -1 }, { $0.otherGroupCount = -1 }, { $0.groups[0].count = .max },
            { $0.groups[1].count = -3 }, { $0.groups[0].bucketCounts = [5, 1] },
            { $0.groups[0].bucketCounts = [.max, .max] },
            { $0.bucketStarts = [Timestamp(microsecondsSinceEpoch: 1), Timestamp(microsecondsSinceEpoch: 1)] },
            { $0.bucketStarts = [Timestamp(microsecondsSinceEpoch: .min), Timestamp(microsecondsSinceEpoch: 0)] },
        ]
        for change in changes {
            var answer = Self.full
            change(&answer)
            let bytes = answer.serialized()
            let error = #expect(throws: MessageError.self) { try StatsResponseMessage(serialized: bytes) }
            #expect(error?.code == .outOfRange, "\(answer)")
        }
    }

    @Test("bytes that are cut or changed are an answer or an error, never a trap")
    func mutated() {
        var generator = SeededGenerator.ofRun()
        let whole = Self.full.serialized()
        for _ in 0..<5_000 {
            var bytes = Array(whole.prefix(Int.random(in: 0...whole.count, using: &generator)))
            for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            guard let read = try? StatsResponseMessage(serialized: bytes) else { continue }
            #expect((try? StatsResponseMessage(serialized: read.serialized())) == read)
        }
    }
}
