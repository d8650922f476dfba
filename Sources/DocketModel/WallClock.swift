#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

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
    public static func new() -> EventID {
        var generator = SystemRandomNumberGenerator()
        return Self.version7(at: .now, using: &generator)
    }
}
