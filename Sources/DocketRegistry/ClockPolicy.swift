package import DocketModel

/// How far from the collector's clock an event may have happened, and what becomes of one that is further.
package struct ClockPolicy: Sendable, Hashable {
    /// What becomes of an event that is too far.
    package enum Mode: String, Sendable, CaseIterable {
        /// It is rejected.
        case enforce
        /// It is stored, marked and counted.
        case observe
    }

    package var mode = Mode.observe
    /// How far in the future, in ``seconds``; `nil`: as far as it likes.
    package var maxAheadSeconds: Int64? = 300
    /// How far in the past, in ``seconds``; `nil`: as far as it likes.
    package var maxBehindSeconds: Int64?

    /// What either limit may be, in seconds: a hundred years at most.
    package static let seconds: ClosedRange<Int64> = 0...3_155_760_000

    /// The documented defaults.
    package init() {}

    /// When events may have happened that are received then.
    package func times(at receivedAt: Timestamp) -> ClosedRange<Timestamp> {
        let received = receivedAt.microsecondsSinceEpoch
        func bound(_ seconds: Int64?, _ sign: Int64, _ unbounded: Int64) -> Timestamp {
            guard let seconds else { return Timestamp(microsecondsSinceEpoch: unbounded) }
            let distance = seconds.multipliedReportingOverflow(by: sign * 1_000_000)
            let time = received.addingReportingOverflow(distance.partialValue)
            return Timestamp(microsecondsSinceEpoch: distance.overflow || time.overflow ? unbounded : time.partialValue)
        }
        return bound(self.maxBehindSeconds, -1, .min)...max(bound(self.maxAheadSeconds, 1, .max), receivedAt)
    }
}
