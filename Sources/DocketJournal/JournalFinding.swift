extension JournalSurvey {
    /// Something that isn't as a journal that was closed leaves it.
    package struct Finding: Sendable, Equatable {
        package enum Kind: Sendable, Equatable {
            /// What a crash left of a write: is cut.
            case tornTail
            /// What a failed sync, or a policy without syncs, has lost.
            case lost
            /// A segment was set aside before.
            case setAside
            /// The checkpoint can't be read: acknowledged records may be sent again.
            case unusableCheckpoint
            /// Synced bytes are gone or altered.
            case damaged
            /// A segment's file is gone.
            case missing
            case otherVersion
        }

        package let kind: Kind
        /// The segment; 0 for the checkpoint.
        package let segment: UInt64
        package let offset: Int
        /// How many segments are missing, from that one on.
        package let count: Int
        package let message: String

        /// Whether it is what a crash, or an operator's repair, leaves.
        package var isSound: Bool {
            switch self.kind {
            case .tornTail, .lost, .setAside: true
            case .unusableCheckpoint, .damaged, .missing, .otherVersion: false
            }
        }
    }
}
