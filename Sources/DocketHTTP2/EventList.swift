import DocketHeaders

/// What callbacks leave behind: events without reference counting, and beside them the few values that have some.
///
/// It is bounded by what 16 KiB of input can hold: a frame has at least 9 bytes, a header list at most
/// ``HTTP2Configuration/maxHeaderListBytes``.
@safe
struct EventList {
    enum Kind: UInt8 {
        case headers, data, remoteEnded, streamClosed, outboundDrained
        case settings, settingsAcknowledged, pingReceived, pingAcknowledged, goAway
    }

    /// One event. `first` and `second` are, by kind: an index into `headerLists`; the bounds of the data range; an
    /// error code; a ping's payload; an error code and an index into `texts`.
    @safe
    struct Entry {
        var kind: Kind
        var streamID: Int32 = 0
        var stream: StreamPointer?
        var first = 0
        var second = 0
    }

    private(set) var entries: ContiguousArray<Entry> = []
    private var headerLists: [HeaderList] = []
    private var texts: [[UInt8]] = []

    var count: Int { self.entries.count }

    mutating func append(_ entry: Entry) {
        self.entries.append(entry)
    }

    mutating func append(headers: consuming HeaderList, of stream: StreamPointer) {
        let index = self.headerLists.count
        self.headerLists.append(headers)
        unsafe self.entries.append(
            Entry(kind: .headers, streamID: stream.pointee.id, stream: stream, first: index))
    }

    mutating func appendGoAway(lastStreamID: Int32, errorCode: UInt32, debug: [UInt8]) {
        let index = self.texts.count
        self.texts.append(debug)
        unsafe self.entries.append(
            Entry(kind: .goAway, streamID: lastStreamID, stream: nil, first: Int(errorCode), second: index))
    }

    /// The event that an entry stands for. A header list is handed over, so this works once an entry.
    mutating func take(_ entry: Entry) -> HTTP2Event {
        switch entry.kind {
        case .headers:
            var headers = HeaderList()
            swap(&headers, &self.headerLists[entry.first])
            return .headers(streamID: entry.streamID, headers)
        case .data: return .data(streamID: entry.streamID, range: entry.first..<entry.second)
        case .remoteEnded: return .remoteEnded(streamID: entry.streamID)
        case .streamClosed:
            return .streamClosed(streamID: entry.streamID, errorCode: UInt32(truncatingIfNeeded: entry.first))
        case .outboundDrained: return .outboundDrained(streamID: entry.streamID)
        case .settings: return .settings
        case .settingsAcknowledged: return .settingsAcknowledged
        case .pingReceived: return .pingReceived
        case .pingAcknowledged: return .pingAcknowledged(payload: UInt64(bitPattern: Int64(entry.first)))
        case .goAway:
            return .goAway(
                lastStreamID: entry.streamID, errorCode: UInt32(truncatingIfNeeded: entry.first),
                debug: self.texts[entry.second])
        }
    }

    mutating func removeAll() {
        // Room for what a usual read brings is kept; that of a burst is given back.
        self.entries.removeAll(keepingCapacity: self.entries.count <= 256)
        self.headerLists.removeAll(keepingCapacity: self.headerLists.count <= 64)
        self.texts.removeAll()
    }
}
