import Foundation

/// Reads a file, a pipe or a terminal from its beginning to its end.
struct ByteSource: ~Copyable {
    /// What it is called in messages.
    let name: String
    private let descriptor: Int32
    private let isOwned: Bool

    /// Opens a file.
    init(path: String) throws(CommandError) {
        self.name = path
        self.descriptor = open(path, O_RDONLY | O_CLOEXEC)
        self.isOwned = true
        guard self.descriptor >= 0 else { throw .ofSystem(.noInput, "cannot open '\(path)'") }
    }

    /// Takes an open descriptor, which stays the caller's.
    init(descriptor: Int32, name: String) {
        self.name = name
        self.descriptor = descriptor
        self.isOwned = false
    }

    deinit { if self.isOwned { close(self.descriptor) } }

    /// The next bytes, from 1 to `maxBytes`, as soon as there are any; empty at the end.
    ///
    /// - Throws: ``CommandError`` with the place when the source can't be read any further.
    func read(maxBytes: Int, at place: Int) throws(CommandError) -> [UInt8] {
        while true {
            var count = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: maxBytes) { buffer, initialized in
                #if canImport(Glibc)
                    count = Glibc.read(self.descriptor, buffer.baseAddress, maxBytes)
                #else
                    count = Darwin.read(self.descriptor, buffer.baseAddress, maxBytes)
                #endif
                initialized = max(0, count)
            }
            guard count < 0 else { return chunk }
            if errno == EINTR { continue }
            if errno == EAGAIN {
                var wanted = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
                poll(&wanted, 1, -1)
                continue
            }
            throw .ofSystem(.ioError, "cannot read '\(self.name)' past byte \(place)")
        }
    }
}
