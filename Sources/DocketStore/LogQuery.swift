package import DocketCodec
package import DocketModel

/// Which part of a tenant's log is wanted, in the log's own order.
package struct LogQuery: Sendable, Equatable {
    package var tenantID: Int32
    package var filter: EventFilter
    /// Where there are some, an event must meet one of them as well; ``LogPage/matches`` says which ones it meets.
    package var alternatives: [RowFilter] = []
    /// The first place that may come.
    package var from: LogPosition
    /// The log index that the page ends before.
    package var end: Int64
    /// ``LogPage/heapPlace`` of the page before, if there was one: where the store may go on looking.
    package var heapPlace: HeapPlace?

    package init(
        tenantID: Int32, filter: EventFilter = EventFilter(), from: LogPosition = .start, end: Int64,
        heapPlace: HeapPlace? = nil
    ) {
        self.tenantID = tenantID
        self.filter = filter
        self.from = from
        self.end = end
        self.heapPlace = heapPlace
    }
}

/// A part of a tenant's log.
package struct LogPage: Sendable, Equatable {
    /// Those that match, with their log indexes, in the log's order; may be empty in the midst of the log.
    package var events: [StoredEvent]
    /// For each event, which of ``LogQuery/alternatives`` it meets, by their indexes; empty where there were none.
    package var matches: [[Int]] = []
    /// Where the next page begins: all before it has been looked at.
    package var next: LogPosition
    package var heapPlace: HeapPlace?

    package init(events: [StoredEvent], next: LogPosition, heapPlace: HeapPlace? = nil) {
        self.events = events
        self.next = next
        self.heapPlace = heapPlace
    }
}

/// Where in a segment without indexes the last rows were found. A hint: what comes of it is the same without.
package struct HeapPlace: Sendable, Equatable {
    package var segmentID: Int32
    /// The number of a block of the segment's table.
    package var block: Int64

    package init(segmentID: Int32, block: Int64) {
        self.segmentID = segmentID
        self.block = block
    }
}
