/// What a tenant has sent of late, against its quota. A pure value; time is a parameter.
///
/// A rate is metered by the generic cell rate algorithm (ITU-T I.371, annex A): it remembers when all that has come would be through
/// at the allowed rate, and takes more as long as that is within the burst. So a batch of any size passes when there was little
/// before it, and the next ones wait the longer.
package struct QuotaMeter: Sendable, Equatable {
    /// Why a batch has to wait.
    package struct Refusal: Sendable, Equatable {
        package let limit: TenantQuota.Limit
        /// What the limit is, for this collector.
        package let value: Int64
        /// When it makes sense to try again, in nanoseconds from now; `nil` when some batch has to be answered first.
        package let retryAfterNanoseconds: Int64?
    }

    private static let second: Int64 = 1_000_000_000
    private static let day: Int64 = 86_400 * Self.second

    /// When all that has come would be through, in nanoseconds of the caller's clock.
    private var eventsThrough: Int64 = .min
    private var bytesThrough: Int64 = .min
    private var dayNumber: Int64 = .min
    private var bytesOfDay: Int64 = 0
    package private(set) var batchesInFlight: Int64 = 0

    package init() {}

    /// Takes a batch, unless a limit is reached: then nothing of it counts.
    ///
    /// - Parameters:
    ///   - now: nanoseconds of a clock that doesn't go back.
    ///   - sinceEpoch: nanoseconds since 1970, for the day.
    package mutating func admit(
        events: Int64, bytes: Int64, quota: TenantQuota, now: Int64, sinceEpoch: Int64
    ) -> Refusal? {
        let today = sinceEpoch / Self.day
        if today != self.dayNumber { (self.dayNumber, self.bytesOfDay) = (today, 0) }
        if let limit = quota.batchesInFlight, self.batchesInFlight >= limit {
            return Refusal(limit: .batchesInFlight, value: limit, retryAfterNanoseconds: nil)
        }
        if let limit = quota.bytesPerDay, self.bytesOfDay >= limit {
            let rest = (today + 1) * Self.day - sinceEpoch
            return Refusal(limit: .bytesPerDay, value: limit, retryAfterNanoseconds: rest)
        }
        let burst = quota.burstSeconds * Self.second
        if let limit = quota.eventsPerSecond, let wait = Self.wait(self.eventsThrough, burst, now) {
            return Refusal(limit: .eventsPerSecond, value: limit, retryAfterNanoseconds: wait)
        }
        if let limit = quota.bytesPerSecond, let wait = Self.wait(self.bytesThrough, burst, now) {
            return Refusal(limit: .bytesPerSecond, value: limit, retryAfterNanoseconds: wait)
        }
        self.eventsThrough = Self.through(self.eventsThrough, events, quota.eventsPerSecond, now)
        self.bytesThrough = Self.through(self.bytesThrough, bytes, quota.bytesPerSecond, now)
        self.bytesOfDay += bytes
        self.batchesInFlight += 1
        return nil
    }

    /// Takes note of what has been sent on a day, here and elsewhere. Days that are over are nothing to it.
    package mutating func learn(bytesOfDay bytes: Int64, day: Int64) {
        guard day >= self.dayNumber else { return }
        (self.dayNumber, self.bytesOfDay) = (day, bytes)
    }

    /// A batch that was taken is answered.
    package mutating func answered() { self.batchesInFlight = max(0, self.batchesInFlight - 1) }

    /// How long it takes until there is room again; `nil` when there is.
    private static func wait(_ through: Int64, _ burst: Int64, _ now: Int64) -> Int64? {
        guard through > now else { return nil }
        let ahead = through - now
        return ahead < burst ? nil : ahead - burst + 1
    }

    private static func through(_ before: Int64, _ amount: Int64, _ rate: Int64?, _ now: Int64) -> Int64 {
        guard let rate, rate > 0 else { return .min }
        // A batch has 4 MiB and 10,000 events at most, so this is a year at the very most.
        let (whole, rest) = amount.quotientAndRemainder(dividingBy: rate)
        return max(before, now) + whole * Self.second + rest * Self.second / rate
    }
}
