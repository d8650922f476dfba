import CNghttp2
import DocketHeaders

/// The state that callbacks touch. It lies behind a raw pointer, which nghttp2 carries as its user data: no reference
/// counting and no exclusivity bookkeeping for every frame.
@safe
struct SessionCore {
    /// The header block that is being received; blocks never interleave (RFC 9113 section 4.3).
    @safe
    struct Block {
        var list = HeaderList()
        var stream: StreamPointer?
        var sizeBytes = 0
        var isTooLarge = false
    }

    /// What it is that the library may ignore without a word.
    enum IgnoredFrame {
        /// A WINDOW_UPDATE: one more is borne for what was sent.
        case windowUpdate
        /// Of no use to anybody.
        case useless
    }

    let role: HTTP2Role
    let maxHeaderListBytes: Int
    let maxFrameBytes: Int
    /// nghttp2's session; it lives as long as the owning ``HTTP2Session``.
    var session: OpaquePointer?
    var events = EventList()
    var streams = StreamPool()
    var fields = FieldArray()
    var block = Block()

    /// Where the slice in hand starts, and how far that is into the caller's buffer.
    var slice: UnsafeRawPointer?
    var sliceOffset = 0
    var sliceCount = 0

    /// Requests that nghttp2 has queued and not yet opened: their user data can't be asked for.
    var unsentRequests: [Int32: StreamPointer] = unsafe [:]
    /// Streams to reset once the library call has returned.
    var pendingResets: [(streamID: Int32, errorCode: HTTP2ErrorCode)] = []
    /// Body bytes nobody gets to see, to be given back on the connection's level once the call has returned.
    var connectionCredit = 0
    /// Body bytes that the owner has got and not yet given back on the connection's level.
    var connectionHeldBytes = 0

    /// How many unproductive frames the peer is ahead.
    var unproductiveFrames = 0
    /// How many WINDOW_UPDATE frames the DATA frames that were sent may bring yet: further ones are unproductive.
    var windowUpdatesDue = 0
    /// The frame that has begun and that no callback has spoken of yet, if ignoring it would count.
    var unheardOf: IgnoredFrame?
    /// The length of a frame that is longer than it may be, if the library lets it pass.
    var excessiveFrameBytes: Int?
    /// How many PINGs have been sent and not acknowledged.
    var pingsDue = 0
    /// What was refused since the owner last asked.
    var refusals = HTTP2Refusals()
    /// Whether a GOAWAY has been sent, and the payload of a PING that is to follow it.
    var isNoticeSent = false
    var pingBehindNotice: UInt64?
    /// GOAWAY frames with an error code that the owner has submitted and that are not yet written.
    var ownGoAways = 0
    /// What the library last said about a fault, for the error's message.
    var libraryMessage = ""
    /// Why the connection is beyond use.
    var failure: HTTP2Error?
    /// Whether the peer's preface is complete.
    var settingsSeen = false
    /// The stream window that a new stream has: the default until the peer has acknowledged ours.
    var baseWindowBytes: Int

    init(role: HTTP2Role, configuration: HTTP2Configuration) {
        self.role = role
        self.maxHeaderListBytes = configuration.maxHeaderListBytes
        self.maxFrameBytes = configuration.maxFrameBytes
        self.baseWindowBytes = min(65_535, configuration.initialStreamWindowBytes)
    }

    // MARK: What callbacks note

    /// A header block starts.
    mutating func beginBlock(_ stream: StreamPointer?) {
        // A gRPC request head is about ten fields and 400 bytes: two allocations, and none while it fills.
        self.block = unsafe Block(list: HeaderList(reservingFields: 16, bytes: 512), stream: stream)
    }

    /// So many times the limit a header list may be before the rest of it isn't even looked at, and how many unproductive
    /// frames such a list counts for: a few bytes can stand for many fields, each of which would be validated.
    private static let excess = (limits: 4, unproductiveFrames: 100)

    /// A field of the block. Past the limit the fields are dropped, and so are those that came before. `false` when no
    /// further fields are wanted: then the caller resets the stream,
    /// and there is no end of the block.
    mutating func appendField(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) -> Bool {
        self.block.sizeBytes += name.count + value.count + 32
        if self.block.sizeBytes <= self.maxHeaderListBytes {
            unsafe self.block.list.append(name: name, value: value)
            return true
        }
        if !self.block.isTooLarge {
            self.block.isTooLarge = true
            self.block.list = HeaderList()
        }
        guard self.block.sizeBytes > Self.excess.limits * self.maxHeaderListBytes, let stream = unsafe self.block.stream
        else { return true }
        unsafe self.block.stream = nil
        self.unproductiveFrames += Self.excess.unproductiveFrames
        self.refusals.headerLists += 1
        unsafe stream.pointee.flags.insert(.refused)
        return false
    }

    /// The block is complete and well formed.
    mutating func endBlock(streamID: Int32, endsStream: Bool) {
        var list = HeaderList()
        swap(&list, &self.block.list)
        guard let stream = unsafe self.block.stream else { return }
        unsafe self.block.stream = nil
        guard unsafe stream.pointee.flags.isDisjoint(with: .silent) else { return }
        if self.block.isTooLarge {
            self.unproductiveFrames += 1
            self.refusals.headerLists += 1
            unsafe stream.pointee.flags.insert(.refused)
            self.pendingResets.append((streamID, .enhanceYourCalm))
            return
        }
        self.unproductiveFrames = max(0, self.unproductiveFrames - 1)
        if self.role == .client, !list.isEmpty, list.valueBytes(at: 0).first == UInt8(ascii: "1"),
            list.nameBytes(at: 0).first == UInt8(ascii: ":")
        {
            return  // 1xx: nothing that gRPC has a use for (RFC 9110 section 15.2).
        }
        unsafe stream.pointee.flags.insert(.announced)
        unsafe self.events.append(headers: list, of: stream)
        if endsStream { unsafe self.endRemote(stream) }
    }

    /// A WINDOW_UPDATE was received.
    mutating func windowUpdated() {
        if self.windowUpdatesDue > 0 { self.windowUpdatesDue -= 1 } else { self.unproductiveFrames += 1 }
    }

    /// The next frame begins: the one before it is known by now to have been ignored, or not.
    mutating func endIgnoredFrame() {
        defer { self.unheardOf = nil }
        // A client bears them: what it has given up may have been answered.
        guard self.role == .server else { return }
        switch self.unheardOf {
        case .windowUpdate: self.windowUpdated()
        case .useless: self.unproductiveFrames += 1
        case nil: break
        }
    }

    /// A PING was acknowledged: once for each that was sent is of use.
    mutating func pingAcknowledged() {
        if self.pingsDue > 0 { self.pingsDue -= 1 } else { self.unproductiveFrames += 1 }
    }

    /// Bytes of a body.
    mutating func appendData(_ stream: StreamPointer?, start: UnsafeRawPointer, count: Int) -> Bool {
        guard let stream = unsafe stream, unsafe stream.pointee.flags.isDisjoint(with: .silent) else {
            self.connectionCredit += count
            return true
        }
        guard let slice = unsafe self.slice else { return false }
        let offset = unsafe start - slice
        guard offset >= 0, offset + count <= self.sliceCount else { return false }
        unsafe stream.pointee.heldBytes += count
        self.connectionHeldBytes += count
        self.unproductiveFrames = max(0, self.unproductiveFrames - 1)
        let lower = self.sliceOffset + offset
        unsafe self.events.append(
            .init(kind: .data, streamID: stream.pointee.id, stream: stream, first: lower, second: lower + count))
        return true
    }

    /// END_STREAM was received.
    mutating func endRemote(_ stream: StreamPointer) {
        unsafe stream.pointee.flags.insert(.remoteEnded)
        guard unsafe stream.pointee.flags.isDisjoint(with: .silent) else { return }
        unsafe self.events.append(.init(kind: .remoteEnded, streamID: stream.pointee.id, stream: stream))
    }

    /// The stream is closed, whoever did it.
    mutating func close(_ stream: StreamPointer, errorCode: UInt32) {
        // Refused trailers may have ended the stream before our reset could.
        let isRefused = unsafe stream.pointee.flags.contains(.refused)
        let errorCode = isRefused ? HTTP2ErrorCode.enhanceYourCalm.rawValue : errorCode
        if unsafe stream.pointee.flags.contains(.announced) {
            unsafe self.events.append(
                .init(kind: .streamClosed, streamID: stream.pointee.id, stream: stream, first: Int(errorCode)))
        }
        if unsafe self.block.stream == stream { unsafe self.block.stream = nil }
        unsafe self.streams.retire(stream)
    }

    /// The connection is beyond use; the first reason stays.
    mutating func fail(_ error: HTTP2Error) {
        if self.failure == nil { self.failure = error }
    }

    /// Frees what is not Swift's. The session must be gone.
    mutating func destroy() {
        self.streams.destroyAll()
        self.fields.destroy()
    }
}
