/// What a tenant may send; `nil` is without a limit.
package struct TenantQuota: Sendable, Hashable {
    /// Events a second.
    package var eventsPerSecond: Int64?
    /// Bytes of requests a second, as they come, decompressed.
    package var bytesPerSecond: Int64?
    /// For how many seconds' worth of either more may come at once, after a time with less.
    package var burstSeconds: Int64 = 10
    /// Bytes of requests a day, by UTC.
    package var bytesPerDay: Int64?
    /// Batches that have been taken and are not answered yet.
    package var batchesInFlight: Int64?

    /// What ``burstSeconds`` may be.
    package static let burstSecondsBounds: ClosedRange<Int64> = 1...3_600

    /// The limit of that name; `nil`: none.
    package subscript(limit: Limit) -> Int64? {
        switch limit {
        case .eventsPerSecond: self.eventsPerSecond
        case .bytesPerSecond: self.bytesPerSecond
        case .bytesPerDay: self.bytesPerDay
        case .batchesInFlight: self.batchesInFlight
        }
    }

    /// Without a limit.
    package static let unlimited = TenantQuota()

    package init() {}

    /// The part of it that one of several collectors goes by. A part of a limit is 1 at least: nobody is shut out. What is sent
    /// in a day is added up instead.
    package func share(ofCollectors count: Int64) -> TenantQuota {
        precondition(count > 0, "a quota is shared by one collector at least")
        var share = self
        for path in [\TenantQuota.eventsPerSecond, \.bytesPerSecond, \.batchesInFlight] {
            share[keyPath: path] = self[keyPath: path].map { max(1, $0 / count) }
        }
        return share
    }

    /// The limits, by their names on the command line and in errors.
    package enum Limit: String, Sendable, CaseIterable {
        case eventsPerSecond = "events_per_second"
        case bytesPerSecond = "bytes_per_second"
        case bytesPerDay = "bytes_per_day"
        case batchesInFlight = "batches_in_flight"

        /// What it may be.
        package var bounds: ClosedRange<Int64> {
            switch self {
            case .eventsPerSecond, .bytesPerSecond: 1...1_000_000_000_000
            case .bytesPerDay: 1...1_000_000_000_000_000
            case .batchesInFlight: 1...1_000_000
            }
        }
    }
}
