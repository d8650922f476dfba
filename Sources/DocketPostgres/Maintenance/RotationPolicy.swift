/// When the hot segment is full. A pure rule over what the leader knows.
struct RotationPolicy: Equatable {
    /// Rows at which a segment is full, as configured.
    var segmentRows: Int64
    /// Age at which a segment is full, in seconds, as configured.
    var segmentAgeSeconds: Int64

    /// The hot segment and its surroundings.
    struct Facts: Equatable {
        var rows: Int64
        var ageSeconds: Int64
        /// Full segments that wait for being sealed.
        var unsealed: Int
        /// Rows of all segments but the hot one.
        var otherRows: Int64
        /// How long ago the oldest segment was begun, in seconds.
        var spanSeconds: Int64
    }

    /// Of a log that grows, each segment holds at least this share: so a hundred times the rows make a few hundred
    /// segments more, never a hundred times as many. Each costs the planner of a query without a time its share.
    private static let smallestShare: Int64 = 64

    /// Rows at which the segment is full, given how many there are in all.
    func fullAt(_ facts: Facts) -> Int64 { max(self.segmentRows, facts.otherRows / Self.smallestShare) }

    /// How full the hot segment is, by rows; 1 is full.
    func fill(_ facts: Facts) -> Double { Double(facts.rows) / Double(self.fullAt(facts)) }

    /// Whether another segment is to become hot. Never while two wait unsealed; writers hold back by then.
    func isDue(_ facts: Facts) -> Bool {
        guard facts.rows > 0, facts.unsealed < BackPressure.maxUnsealedSegments else { return false }
        let oldAt = max(self.segmentAgeSeconds, facts.spanSeconds / Self.smallestShare)
        return facts.rows >= self.fullAt(facts) || facts.ageSeconds >= oldAt
    }
}
