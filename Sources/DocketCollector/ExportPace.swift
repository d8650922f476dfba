/// How far an export stands back for what is being stored: both need the same processors and the same disk, and only one of them
/// is in a hurry.
enum ExportPace {
    /// With more than that in the commit queue, in bytes, the collector is busy: some large batches, or many small ones.
    static let busyBytes = 1024 * 1024
    /// How many times as long as a page has taken the export waits then: it takes a fifth of the time.
    private static let restFactor = 4
    /// The longest rest, so that an export never stands still.
    private static let maxRest = Duration.seconds(2)

    /// How long to wait before the next page.
    ///
    /// - Parameters:
    ///   - taken: What the last page has taken, from asking for it to having it encoded.
    ///   - heldBytes: What the commit queue holds now.
    static func rest(after taken: Duration, heldBytes: Int) -> Duration {
        heldBytes < self.busyBytes ? .zero : min(taken * self.restFactor, self.maxRest)
    }
}
