import DocketCompression

/// What a deframer has found.
package enum DeframerAction: Sendable, Equatable {
    /// A message is announced. Nothing else comes until ``MessageDeframer/reservationGranted()``.
    ///
    /// `wireBytes` is its length on the wire (the rest of it may need the stream's window raised); `heapBytes` is
    /// what it may take in memory: the same, and for a compressed message the largest that may come out of it
    /// besides.
    case reserve(wireBytes: Int, heapBytes: Int)
    /// A whole message, decompressed, and whether it came compressed.
    case message([UInt8], wasCompressed: Bool = false)
    /// The stream has ended behind a whole number of messages.
    case end
    /// The peer broke the protocol or a limit; nothing else comes.
    case fail(GRPCStatus)
}

/// Cuts a stream of bytes into gRPC messages, wherever it is split.
///
/// `prefix` → (5 bytes) → `announced` → (``next()``) → `awaitingGrant` → (``reservationGranted()``) → `body` → (its
/// last byte) → `prefix`. Any of them → `over`, at the end or a failure.
///
/// The prefix is judged as soon as its fifth byte is in: of a message over the limit nothing is kept. A message is
/// one array that is given its whole capacity when the reservation is granted; bytes that come before are kept as
/// they are, which the stream's flow-control window bounds.
package struct MessageDeframer: Sendable, Equatable {
    private enum Stage: Sendable, Equatable {
        case prefix
        case announced
        case awaitingGrant
        case body
        /// Broken, by `fault`; ``next()`` has yet to say so.
        case failed
        case over
    }

    /// By how much more memory a large backlog grows, in bytes.
    private static let backlogStepBytes = 16 << 10

    private var maxMessageBytes: Int
    /// What the peer's header block said: how messages whose flag is set are compressed.
    package var encoding: GRPCEncoding
    private var stage = Stage.prefix
    /// The prefix so far, as a number, and how many of its five bytes that are.
    private var prefix: UInt64 = 0
    private var prefixCount = 0
    /// The length that the prefix announced, in bytes.
    private var length = 0
    private var isCompressed = false
    /// The message so far, while its body comes in.
    private var message: [UInt8] = []
    /// Bytes that can't be placed yet, from `backlogStart` on.
    private var backlog: [UInt8] = []
    private var backlogStart = 0
    private var hasEnded = false
    /// Why the stage is `failed`.
    private var fault: GRPCStatus?

    /// - Parameters:
    ///   - maxMessageBytes: the longest message to accept, in bytes, on the wire and decompressed.
    ///   - encoding: how messages whose flag is set are compressed; `identity` when they may not be.
    package init(maxMessageBytes: Int, encoding: GRPCEncoding = .identity) {
        precondition(maxMessageBytes >= 0, "a limit is not negative")
        self.maxMessageBytes = maxMessageBytes
        self.encoding = encoding
    }

    /// Whether a prefix has begun and isn't whole.
    package var isInPrefix: Bool { self.stage == .prefix && self.prefixCount > 0 }

    /// Whether a reservation has been asked for and not granted yet.
    package var isWaitingForGrant: Bool { self.stage == .awaitingGrant }

    // MARK: In

    /// Lowers the limit, if that is lower. Takes effect with the next message.
    package mutating func limitMessages(toBytes bytes: Int) {
        precondition(bytes >= 0, "a limit is not negative")
        self.maxMessageBytes = min(self.maxMessageBytes, bytes)
    }

    /// Takes bytes, copying what is kept.
    package mutating func receivedData(_ bytes: UnsafeRawBufferPointer) {
        var rest = unsafe bytes[...]
        if self.stage == .prefix {
            // `next()` leaves no backlog behind in this stage, but it may not have been called since the last message.
            self.readPrefixFromBacklog()
            while self.stage == .prefix, let byte = unsafe rest.popFirst() { self.readPrefix(byte) }
        }
        switch self.stage {
        case .failed, .over:
            return
        case .body where self.backlogCount == 0:
            let taken = unsafe rest.prefix(self.length - self.message.count)
            unsafe self.message.append(contentsOf: taken)
            unsafe rest = rest.dropFirst(taken.count)
        case .prefix, .announced, .awaitingGrant, .body:
            break
        }
        if unsafe !rest.isEmpty {
            self.compactBacklog()
            unsafe self.makeRoomInBacklog(for: rest.count)
            unsafe self.backlog.append(contentsOf: rest)
        }
    }

    /// Takes the end of the stream.
    package mutating func receivedEnd() { self.hasEnded = true }

    /// Grants what ``DeframerAction/reserve(wireBytes:heapBytes:)`` asked for. Ignored when nothing is asked for (the
    /// call may have failed in the meantime).
    package mutating func reservationGranted() {
        guard self.stage == .awaitingGrant else { return }
        self.stage = .body
        if self.backlogCount <= self.length {
            // The usual case: all that has come is this message's. The array itself becomes the message.
            swap(&self.message, &self.backlog)
            self.message.removeFirst(self.backlogStart)
            self.backlogStart = 0
        }
        self.message.reserveCapacity(self.length)
    }

    /// Forgets everything; nothing comes any more.
    package mutating func stop() {
        self.stage = .over
        self.message = []
        self.backlog = []
        self.backlogStart = 0
    }

    // MARK: Out

    /// What comes next; `nil` when more has to be received or granted first.
    package mutating func next() -> DeframerAction? {
        if self.stage == .prefix {
            self.readPrefixFromBacklog()
            if self.stage == .prefix {
                guard self.hasEnded else { return nil }
                guard self.prefixCount == 0 else { return self.fail(self.truncation) }
                self.stop()
                return .end
            }
        }
        switch self.stage {
        case .announced where self.isTruncated, .awaitingGrant where self.isTruncated:
            return self.fail(self.truncation)
        case .announced:
            self.stage = .awaitingGrant
            return .reserve(
                wireBytes: self.length, heapBytes: self.isCompressed ? self.length + self.maxMessageBytes : self.length)
        case .body:
            self.takeBodyFromBacklog()
            guard self.message.count < self.length else { return self.takeMessage() }
            return self.hasEnded ? self.fail(self.truncation) : nil
        case .failed:
            return self.fault.map { self.fail($0) }
        case .prefix, .awaitingGrant, .over:
            return nil
        }
    }

    // MARK: Steps

    private var backlogCount: Int { self.backlog.count - self.backlogStart }

    /// Whether the stream ended with less than the announced message behind it.
    private var isTruncated: Bool { self.hasEnded && self.backlogCount < self.length }

    private var truncation: GRPCStatus {
        GRPCStatus(.internal, "the stream ended in the middle of a message; send messages whole")
    }

    private mutating func readPrefixFromBacklog() {
        while self.stage == .prefix, self.backlogCount > 0 {
            self.readPrefix(self.backlog[self.backlogStart])
            self.backlogStart += 1
        }
        if self.backlogCount == 0, self.backlogStart > 0 {
            self.backlog.removeAll(keepingCapacity: true)
            self.backlogStart = 0
        }
    }

    private mutating func readPrefix(_ byte: UInt8) {
        self.prefix = self.prefix << 8 | UInt64(byte)
        self.prefixCount += 1
        guard self.prefixCount == MessageFraming.prefixBytes else { return }
        self.length = Int(self.prefix & 0xFFFF_FFFF)
        self.isCompressed = self.prefix >> 32 == 1
        if let fault = self.fault(flag: self.prefix >> 32) {
            self.stop()
            self.stage = .failed
            self.fault = fault
        } else {
            self.stage = .announced
        }
        self.prefix = 0
        self.prefixCount = 0
    }

    /// What is wrong with a prefix, if anything is.
    private func fault(flag: UInt64) -> GRPCStatus? {
        if flag > 1 {
            return GRPCStatus(.internal, "a message's compressed-flag is \(flag); it must be 0 or 1")
        }
        if flag == 1, self.encoding == .identity {
            return GRPCStatus(
                .internal, "a message is flagged as compressed, but grpc-encoding names no compression; send it")
        }
        if self.length > self.maxMessageBytes {
            return GRPCStatus(
                .resourceExhausted,
                "a message of \(self.length) bytes exceeds \(self.maxMessageBytes) bytes; send smaller ones"
            )
        }
        return nil
    }

    private mutating func takeBodyFromBacklog() {
        let count = min(self.length - self.message.count, self.backlogCount)
        guard count > 0 else { return }
        self.message.append(contentsOf: self.backlog[self.backlogStart..<self.backlogStart + count])
        self.backlogStart += count
    }

    private mutating func takeMessage() -> DeframerAction {
        var whole: [UInt8] = []
        swap(&whole, &self.message)
        self.stage = .prefix
        guard self.isCompressed else { return .message(whole) }
        do {
            return .message(try Gzip.decompress(whole, maxBytes: self.maxMessageBytes), wasCompressed: true)
        } catch {
            return self.fail(GRPCStatus(error.code == .tooLarge ? .resourceExhausted : .internal, error.message))
        }
    }

    private mutating func fail(_ status: GRPCStatus) -> DeframerAction {
        self.stop()
        return .fail(status)
    }

    /// Has a large backlog grow by steps instead of doubling: it may wait for long, and thousands beside it.
    private mutating func makeRoomInBacklog(for bytes: Int) {
        let needed = self.backlog.count + bytes
        guard needed > self.backlog.capacity, needed > Self.backlogStepBytes else { return }
        self.backlog.reserveCapacity(
            (needed + Self.backlogStepBytes - 1) / Self.backlogStepBytes * Self.backlogStepBytes)
    }

    /// Drops what has been read of the backlog once that is the larger half, so that its cost stays in proportion.
    private mutating func compactBacklog() {
        guard self.backlogStart > 0, self.backlogStart >= self.backlogCount else { return }
        self.backlog.removeFirst(self.backlogStart)
        self.backlogStart = 0
    }
}
