/// How much writers hold back so that no more than two segments ever wait for being sealed.
enum BackPressure {
    /// So many segments may be full and not sealed yet.
    static let maxUnsealedSegments = 2
    /// With as many as that unsealed, writers begin to hold back when the hot one is so full.
    private static let threshold = 0.5

    /// The share of their time that writers are to wait: 0 not at all, 1 until a segment has been sealed.
    ///
    /// - Parameters:
    ///   - unsealed: How many full segments wait for being sealed.
    ///   - fill: How full the hot segment is; 1 is where it would be rotated.
    static func pressure(unsealed: Int, fill: Double) -> Double {
        guard unsealed >= self.maxUnsealedSegments else { return 0 }
        return min(1, max(0, (fill - self.threshold) / (1 - self.threshold)))
    }
}
