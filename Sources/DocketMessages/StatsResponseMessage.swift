package import DocketModel

/// A `docket.v1.StatsResponse`: how many events there are, by a field of theirs and by time. Written and read field by field,
/// since its numbers may be many.
package struct StatsResponseMessage: Sendable, Equatable {
    /// How many events have one value: a `docket.v1.StatsGroup`.
    package struct Group: Sendable, Equatable {
        /// `nil` for events without one, and for all other groups together.
        package var value: String?
        package var count: Int64
        /// One for each bucket.
        package var bucketCounts: [Int64]

        /// The events of one value.
        package init(value: String?, count: Int64, bucketCounts: [Int64] = []) {
            self.value = value
            self.count = count
            self.bucketCounts = bucketCounts
        }
    }

    /// Those with the most events first.
    package var groups: [Group]
    /// All further ones together; `nil` when there are none.
    package var other: Group?
    /// How many groups ``other`` is made of.
    package var otherGroupCount: Int64
    /// How many events match in all.
    package var count: Int64
    /// Where each bucket begins.
    package var bucketStarts: [Timestamp]

    /// An answer.
    package init(
        groups: [Group], other: Group? = nil, otherGroupCount: Int64 = 0, count: Int64, bucketStarts: [Timestamp] = []
    ) {
        self.groups = groups
        self.other = other
        self.otherGroupCount = otherGroupCount
        self.count = count
        self.bucketStarts = bucketStarts
    }

    /// Reads an encoded answer.
    ///
    /// - Throws: ``MessageError`` with code `malformed`, `invalidText`, or `outOfRange` for one with more groups or buckets than
    ///   can be asked for, or with a count too many or too few for a group.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self.init(groups: [], count: 0)
        var reader = WireReader(bytes[...], of: "StatsResponse")
        while let field = try reader.next() {
            switch field {
            case .bytes(1, let value):
                guard self.groups.count < EventGrouping.maxGroups else {
                    throw MessageError(
                        code: .outOfRange, field: "groups",
                        message: "an answer holds more than \(EventGrouping.maxGroups) groups")
                }
                self.groups.append(try Self.group(value))
            case .bytes(2, let value): self.other = try Self.group(value)
            case .varint(3, let value): self.otherGroupCount = Int64(bitPattern: value)
            case .varint(4, let value): self.count = Int64(bitPattern: value)
            case .bytes(5, let value):
                self.bucketStarts = try WireReader.packed(
                    value, of: "StatsResponse", maxCount: TimeBuckets.maxCount
                ).map { Timestamp(microsecondsSinceEpoch: $0) }
            default: break
            }
        }
        let groups = self.groups + [self.other].compactMap { $0 }
        guard groups.allSatisfy({ $0.bucketCounts.count == self.bucketStarts.count }) else {
            throw MessageError(
                code: .outOfRange, field: "groups.bucket_counts",
                message: "a group has not as many counts as there are buckets, \(self.bucketStarts.count)")
        }
        try self.checkSums(groups)
    }

    /// Whoever adds the counts up, or takes times from each other, can rely on what comes of it.
    private func checkSums(_ groups: [Group]) throws(MessageError) {
        func isPart(_ counts: [Int64], of total: Int64) -> Bool {
            var left = total
            return counts.allSatisfy { count in
                guard (0...max(0, left)).contains(count) else { return false }
                left -= count
                return true
            }
        }
        guard self.count >= 0, self.otherGroupCount >= 0, isPart(groups.map(\.count), of: self.count),
            groups.allSatisfy({ isPart($0.bucketCounts, of: $0.count) }),
            self.bucketStarts.allSatisfy({ $0 >= .earliest && $0 <= .latest }),
            zip(self.bucketStarts, self.bucketStarts.dropFirst()).allSatisfy({ $0 < $1 })
        else {
            throw MessageError(
                code: .outOfRange, field: "groups",
                message:
                    "the counts are no parts of \(self.count), or the buckets don't rise within the years 1 to 9999")
        }
    }

    /// The encoded answer.
    package func serialized() -> [UInt8] {
        var writer = WireWriter()
        for group in self.groups { writer.append(field: 1, Self.serialized(group)) }
        if let other = self.other { writer.append(field: 2, Self.serialized(other)) }
        writer.append(field: 3, varint: UInt64(bitPattern: self.otherGroupCount))
        writer.append(field: 4, varint: UInt64(bitPattern: self.count))
        writer.append(field: 5, packed: self.bucketStarts.map(\.microsecondsSinceEpoch))
        return writer.bytes
    }

    private static func serialized(_ group: Group) -> [UInt8] {
        var writer = WireWriter()
        if let value = group.value { writer.append(field: 1, value.utf8) }
        writer.append(field: 2, varint: UInt64(bitPattern: group.count))
        writer.append(field: 3, packed: group.bucketCounts)
        return writer.bytes
    }

    private static func group(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> Group {
        var group = Group(value: nil, count: 0)
        var reader = WireReader(bytes, of: "StatsGroup")
        while let field = try reader.next() {
            switch field {
            case .bytes(1, let value):
                guard let text = String(validating: value, as: UTF8.self) else {
                    throw MessageError(
                        code: .invalidText, field: "groups.value", message: "the text is not UTF-8; send UTF-8")
                }
                group.value = text
            case .varint(2, let value): group.count = Int64(bitPattern: value)
            case .bytes(3, let value):
                group.bucketCounts = try WireReader.packed(value, of: "StatsGroup", maxCount: TimeBuckets.maxCount)
            default: break
            }
        }
        return group
    }
}
