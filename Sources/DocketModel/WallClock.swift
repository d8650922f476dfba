#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif
internal import Synchronization

// The only place of this module that asks the system for anything.

extension Timestamp {
    /// The system's wall clock.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            microsecondsSinceEpoch: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}

extension EventID {
    /// A new UUIDv7 from the wall clock and the system's random generator.
    public static func new() -> EventID { Self.version7(at: .now) }

    /// A new UUIDv7 of that time with random bits of the system.
    package static func version7(at time: Timestamp) -> EventID {
        RandomReserve.shared.withLock { Self.version7(at: time, using: &$0) }
    }
}

/// Random words of the system, asked for many at a time: each time costs a system call, several times what the rest of an
/// event does.
private struct RandomReserve: RandomNumberGenerator {
    static let shared = Mutex(RandomReserve())

    private var words: [UInt64] = []

    mutating func next() -> UInt64 {
        if let word = self.words.popLast() { return word }
        // 256 bytes are as many as it gives (getentropy(3)).
        self.words = [UInt64](repeating: 0, count: 32)
        if getentropy(&self.words, 256) == 0, let word = self.words.popLast() { return word }
        self.words = []
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
