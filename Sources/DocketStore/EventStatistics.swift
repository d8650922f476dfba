package import DocketModel

/// Which events are counted, and by what.
package struct StatisticsQuery: Sendable, Equatable {
    /// The tenants whose events may be seen; none for an empty list.
    package var tenantIDs: [Int32]
    package var filter: EventFilter
    package var grouping: EventGrouping
    /// How many groups are told apart, from 1 to ``EventGrouping/maxGroups``.
    package var maxGroups: Int
    /// Where each part of the time begins, in rising order; at most ``TimeBuckets/maxCount``. Empty: the time isn't divided.
    /// No event that the filter lets through is before the first.
    package var bucketStarts: [Timestamp]

    package init(
        tenantIDs: [Int32], filter: EventFilter = EventFilter(), grouping: EventGrouping, maxGroups: Int = 20,
        bucketStarts: [Timestamp] = []
    ) {
        self.tenantIDs = tenantIDs
        self.filter = filter
        self.grouping = grouping
        self.maxGroups = maxGroups
        self.bucketStarts = bucketStarts
    }
}

/// How many events there are, by a field of theirs and by time.
package struct EventStatistics: Sendable, Equatable {
    /// The events that have one value.
    package struct Group: Sendable, Equatable {
        /// `nil` for events without one, and for all other groups together.
        package var value: String?
        package var count: Int64
        /// One for each bucket.
        package var bucketCounts: [Int64]

        package init(value: String?, count: Int64, bucketCounts: [Int64]) {
            self.value = value
            self.count = count
            self.bucketCounts = bucketCounts
        }
    }

    /// Those with the most events first; of as many, by their values.
    package var groups: [Group]
    /// All further ones together; `nil` when there are none.
    package var other: Group?
    /// How many groups ``other`` is made of.
    package var otherGroupCount: Int64
    /// How many events match in all.
    package var count: Int64

    package init(groups: [Group], other: Group? = nil, otherGroupCount: Int64 = 0, count: Int64) {
        self.groups = groups
        self.other = other
        self.otherGroupCount = otherGroupCount
        self.count = count
    }
}
