/// Which end of the connection a session is.
package enum HTTP2Role: Sendable, Equatable {
    /// Accepts streams.
    case server
    /// Opens streams.
    case client
}

/// What one HTTP/2 connection may hold and what it puts up with. All sizes in bytes.
package struct HTTP2Configuration: Sendable, Equatable {
    /// How many streams the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section 6.5.2).
    /// Further ones are refused with REFUSED_STREAM, which gRPC clients retry; from a peer that has acknowledged the
    /// limit they are the connection's error (section 5.4.1).
    package var maxConcurrentStreams = 1000
    /// How much a stream may send before anything of it is consumed (SETTINGS_INITIAL_WINDOW_SIZE). It bounds what a
    /// message holds before its reservation is granted; see ``HTTP2Session/raiseStreamWindow(streamID:toBytes:)``.
    package var initialStreamWindowBytes = 65_535
    /// How much all streams together may send before anything is consumed on the connection's level.
    package var connectionWindowBytes = 1024 * 1024
    /// The longest frame that the peer may send (SETTINGS_MAX_FRAME_SIZE).
    package var maxFrameBytes = 16 * 1024
    /// The largest header list, names, values and 32 bytes a field (SETTINGS_MAX_HEADER_LIST_SIZE). A longer one resets
    /// its stream with ENHANCE_YOUR_CALM; see ``HTTP2Session``.
    package var maxHeaderListBytes = 16 * 1024
    /// How many acknowledgements of PING and SETTINGS may wait to be written. Above it the connection fails
    /// (``HTTP2Error/Code/flooded``): the peer sends pings and doesn't read.
    package var maxOutboundQueuedFrames = 1000
    /// How many entries one SETTINGS frame may have.
    package var maxSettingsEntries = 32
    /// How many CONTINUATION frames may follow one HEADERS frame.
    package var maxContinuationFrames = 8
    /// How many streams the peer may reset in one burst (CVE-2023-44487, "rapid reset").
    package var resetBurstStreams = 1000
    /// How fast that burst refills, in streams a second.
    package var resetRefillStreamsPerSecond = 33
    /// How many unproductive frames (malformed requests, refused header lists, empty DATA, PRIORITY, SETTINGS after the
    /// first, WINDOW_UPDATE without anything sent) the peer may be ahead of productive ones, before the connection ends
    /// with ENHANCE_YOUR_CALM.
    package var maxUnproductiveFrames = 1000

    /// The defaults above.
    package init() {}

    /// The hard bounds of each value; the first four follow from RFC 9113 sections 6.5.2 and 6.9.1.
    package static let bounds:
        [(name: String, path: any (WritableKeyPath<HTTP2Configuration, Int> & Sendable), range: ClosedRange<Int>)] = [
            ("initial_stream_window_bytes", \.initialStreamWindowBytes, 1...Self.maxWindowBytes),
            ("connection_window_bytes", \.connectionWindowBytes, 65_535...Self.maxWindowBytes),
            ("max_frame_bytes", \.maxFrameBytes, 16_384...16_777_215),
            ("max_concurrent_streams", \.maxConcurrentStreams, 1...1_000_000),
            ("max_header_list_bytes", \.maxHeaderListBytes, 256...(1024 * 1024)),
            ("max_outbound_queued_frames", \.maxOutboundQueuedFrames, 1...100_000),
            ("max_settings_entries", \.maxSettingsEntries, 8...1024),
            ("max_continuation_frames", \.maxContinuationFrames, 1...1024),
            ("reset_burst_streams", \.resetBurstStreams, 1...1_000_000),
            ("reset_refill_streams_per_second", \.resetRefillStreamsPerSecond, 1...1_000_000),
            ("max_unproductive_frames", \.maxUnproductiveFrames, 1...1_000_000),
        ]

    /// The largest window (RFC 9113 section 6.9.1). nghttp2's constant is a cast macro and not imported.
    package static let maxWindowBytes = Int(Int32.max)

    /// Throws ``HTTP2Error/Code/configuration`` naming the first value outside its bounds.
    package func validate() throws(HTTP2Error) {
        for bound in Self.bounds {
            let value = self[keyPath: bound.path]
            guard bound.range.contains(value) else {
                throw HTTP2Error(
                    code: .configuration,
                    message: "\(bound.name) is \(value); "
                        + "it must be from \(bound.range.lowerBound) to \(bound.range.upperBound)")
            }
        }
    }
}
