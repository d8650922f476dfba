#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

extension SystemFailure {
    enum Kind {
        case noSpace
        case refused
        case other
    }

    /// What helps against it.
    var kind: Kind {
        switch self.errorNumber {
        case ENOSPC, EDQUOT: .noSpace
        case EACCES, EPERM, EROFS: .refused
        default: .other
        }
    }

    /// Whether the file wasn't there.
    var isMissingFile: Bool { self.errorNumber == ENOENT }
    /// Whether the file was there already.
    var isExistingFile: Bool { self.errorNumber == EEXIST }

    /// The error of a disk that is full, and of one that is broken: for tests.
    package static func noSpace(_ operation: String, _ file: String) -> SystemFailure {
        SystemFailure(operation: operation, file: file, errorNumber: ENOSPC)
    }
    package static func brokenDisk(_ operation: String, _ file: String) -> SystemFailure {
        SystemFailure(operation: operation, file: file, errorNumber: EIO)
    }
    package static func missing(_ operation: String, _ file: String) -> SystemFailure {
        SystemFailure(operation: operation, file: file, errorNumber: ENOENT)
    }
    package static func exists(_ operation: String, _ file: String) -> SystemFailure {
        SystemFailure(operation: operation, file: file, errorNumber: EEXIST)
    }
}

func systemErrorText(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }

/// The wall clock, in microseconds since 1970.
func wallClockMicroseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
}
