/// How a journal is.
package struct JournalStatus: Sendable, Equatable {
    /// What the segments take, with those set aside.
    package var filesBytes = 0
    package var segmentCount = 0
    /// The index that the next record gets.
    package var nextIndex: UInt64 = 1
    /// The index up to which all are acknowledged.
    package var acknowledgedThrough: UInt64 = 0
    package var unacknowledgedCount: UInt64 = 0
    /// How many writes, syncs and deletions have failed, and the newest one.
    package var failureCount = 0
    package var lastFailure: JournalError?
}
