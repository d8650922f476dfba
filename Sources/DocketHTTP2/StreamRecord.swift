import DocketHeaders

/// Where a stream's record lives. nghttp2 carries it as the stream's user data, so callbacks reach it without a
/// dictionary and without reference counting (STACK: class instances cost a tenth of a request).
typealias StreamPointer = UnsafeMutablePointer<StreamRecord>

/// What a session knows of one stream beside what nghttp2 knows.
@safe
struct StreamRecord {
    /// What has happened to a stream.
    struct Flags: OptionSet {
        let rawValue: UInt16
        /// The owner knows the stream, so it hears of its end.
        static let announced = Flags(rawValue: 1 << 0)
        /// The head is submitted and a body may follow.
        static let bodyOpen = Flags(rawValue: 1 << 1)
        /// The head is submitted, with or without a body.
        static let headSubmitted = Flags(rawValue: 1 << 2)
        /// The owner has sent the last of it.
        static let outboundEnded = Flags(rawValue: 1 << 3)
        /// nghttp2 asked for body bytes and got none: it must be told when there are some.
        static let deferred = Flags(rawValue: 1 << 4)
        /// END_STREAM was received.
        static let remoteEnded = Flags(rawValue: 1 << 5)
        /// Reset from here: whatever still comes in is not the owner's business.
        static let muted = Flags(rawValue: 1 << 6)
        /// To be reset with NO_ERROR once everything queued is out.
        static let resetWhenSent = Flags(rawValue: 1 << 7)
        /// Our END_STREAM is on the wire.
        static let endSent = Flags(rawValue: 1 << 8)
        /// A header list was too large: a reset is due, and nothing more is noted.
        static let refused = Flags(rawValue: 1 << 9)
        /// What comes in is not the owner's business.
        static let silent: Flags = [.muted, .refused]
    }

    var id: Int32 = 0
    var flags: Flags = []
    /// Body bytes that the owner has got and not consumed yet.
    var heldBytes = 0
    /// How far the window was raised above the initial one, less what was consumed since.
    var advanceBytes = 0
    var outbound = OutboundQueue()
    var trailers: HeaderList?
    /// Neighbours in the list of open streams; `next` also links the free and the retired ones.
    var next: StreamPointer?
    var previous: StreamPointer?
}

/// All records of a session: open ones, retired ones (closed, but events still point at them) and free ones.
@safe
struct StreamPool {
    private var open: StreamPointer?
    private var retired: StreamPointer?
    private var free: StreamPointer?
    private var freeCount = 0
    /// How many streams are open.
    private(set) var openCount = 0
    /// How many body bytes of all streams wait to be sent.
    var queuedBytes = 0
    /// More free records than that are given back to the heap.
    private static let maxFree = 64

    /// A record for a new stream.
    mutating func take(id: Int32) -> StreamPointer {
        let stream: StreamPointer
        if let reused = unsafe self.free {
            unsafe self.free = reused.pointee.next
            self.freeCount -= 1
            unsafe stream = reused
        } else {
            unsafe stream = StreamPointer.allocate(capacity: 1)
            unsafe stream.initialize(to: StreamRecord())
        }
        unsafe stream.pointee.id = id
        unsafe stream.pointee.next = self.open
        unsafe stream.pointee.previous = nil
        unsafe self.open?.pointee.previous = stream
        unsafe self.open = stream
        self.openCount += 1
        return unsafe stream
    }

    /// The stream is closed: what it holds goes now, the record itself once no event points at it.
    mutating func retire(_ stream: StreamPointer) {
        let next = unsafe stream.pointee.next
        let previous = unsafe stream.pointee.previous
        unsafe next?.pointee.previous = previous
        if let previous = unsafe previous {
            unsafe previous.pointee.next = next
        } else {
            unsafe self.open = next
        }
        self.openCount -= 1
        unsafe self.dropQueue(of: stream)
        unsafe stream.pointee.trailers = nil
        unsafe stream.pointee.previous = nil
        unsafe stream.pointee.next = self.retired
        unsafe self.retired = stream
    }

    /// Gives up what waits to be sent on a stream.
    mutating func dropQueue(of stream: StreamPointer) {
        self.queuedBytes -= unsafe stream.pointee.outbound.byteCount
        unsafe stream.pointee.outbound.removeAll()
    }

    /// All events are delivered: nothing points at retired records any more.
    mutating func recycle() {
        while let stream = unsafe self.retired {
            unsafe self.retired = stream.pointee.next
            guard self.freeCount < Self.maxFree else {
                unsafe Self.destroy(stream)
                continue
            }
            unsafe stream.pointee.flags = []
            unsafe stream.pointee.heldBytes = 0
            unsafe stream.pointee.advanceBytes = 0
            unsafe stream.pointee.next = self.free
            unsafe self.free = stream
            self.freeCount += 1
        }
    }

    /// Frees every record, open ones too: nghttp2_session_del tells nobody about them.
    mutating func destroyAll() {
        unsafe Self.destroy(list: self.open)
        unsafe Self.destroy(list: self.retired)
        unsafe Self.destroy(list: self.free)
        unsafe (self.open, self.retired, self.free) = (nil, nil, nil)
        (self.openCount, self.freeCount) = (0, 0)
    }

    private static func destroy(list: StreamPointer?) {
        var rest = unsafe list
        while let stream = unsafe rest {
            unsafe rest = stream.pointee.next
            unsafe Self.destroy(stream)
        }
    }

    private static func destroy(_ stream: StreamPointer) {
        unsafe stream.deinitialize(count: 1)
        unsafe stream.deallocate()
    }
}
