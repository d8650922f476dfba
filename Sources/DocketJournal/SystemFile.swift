#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// An open file: the only owner of its descriptor.
final class SystemFile: JournalFile {
    let descriptor: Int32
    private let name: String

    init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    deinit { close(self.descriptor) }

    func read(at offset: Int, count: Int) throws(SystemFailure) -> [UInt8] {
        var failure: SystemFailure?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let (start, rest) = (filled, count - filled)
                let got = SystemDirectory.retrying {
                    unsafe pread(
                        self.descriptor, buffer.baseAddress.map { unsafe $0 + start }, rest, off_t(offset + start))
                }
                if got < 0 { failure = SystemDirectory.failure("read", self.name) }
                guard got > 0 else { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    func write(_ bytes: [UInt8], from start: Int, at offset: Int) throws(SystemFailure) -> Int {
        let written = unsafe bytes.withUnsafeBufferPointer { buffer in
            SystemDirectory.retrying {
                unsafe pwrite(
                    self.descriptor, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start, off_t(offset))
            }
        }
        guard written > 0 else { throw SystemDirectory.failure("write", self.name) }
        return written
    }

    func truncate(to bytes: Int) throws(SystemFailure) {
        guard SystemDirectory.retrying({ ftruncate(self.descriptor, off_t(bytes)) }) == 0 else {
            throw SystemDirectory.failure("truncate", self.name)
        }
    }

    func synchronize() throws(SystemFailure) {
        #if canImport(Darwin)
            // fsync there leaves data in the disk's cache; a file system that doesn't know the stronger call gets the weaker one.
            if fcntl(self.descriptor, F_FULLFSYNC) == 0 { return }
            let result = SystemDirectory.retrying { fsync(self.descriptor) }
        #else
            // It writes the size too, wherever that has changed.
            let result = SystemDirectory.retrying { fdatasync(self.descriptor) }
        #endif
        // Never called again for the same bytes after a failure: the kernel forgets what it could not write.
        guard result == 0 else { throw SystemDirectory.failure("sync", self.name) }
    }
}
