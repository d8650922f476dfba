#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A directory of the file system: mode 0700, files 0600. As its owner it holds a lock that nobody else gets.
///
/// The only part of this module that calls the system.
package final class SystemDirectory: JournalDirectory {
    package let path: String
    private let descriptor: Int32
    /// Holds the lock as long as it is open; `nil` for a reader.
    private var lock: SystemFile?

    /// Opens a directory for one who only looks: nothing is made, changed or locked.
    package init(reading path: String) throws(JournalError) {
        self.path = path
        self.descriptor = try Self.openDirectory(path)
    }

    /// Opens a directory as its owner.
    ///
    /// - Parameter isMade: whether to make it if there is none.
    /// - Throws: ``JournalError`` `inUse` when another journal owns it, `unusableDirectory` when others may write to it.
    package init(owning path: String, isMade: Bool = true) throws(JournalError) {
        let isNew = unsafe isMade && mkdir(path, 0o700) == 0
        guard isNew || !isMade || errno == EEXIST else { throw Self.unusable(path, Self.failure("mkdir", path)) }
        self.path = path
        self.descriptor = try Self.openDirectory(path)
        if isNew { try self.synchronizeParent() }
        try self.checkPrivacy()
        try self.takeLock()
    }

    deinit { close(self.descriptor) }

    private static func openDirectory(_ path: String) throws(JournalError) -> Int32 {
        let descriptor = Self.retrying { unsafe openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw Self.unusable(path, Self.failure("open", path)) }
        return descriptor
    }

    /// The directory's own name reaches the disk: it is in its parent's content.
    private func synchronizeParent() throws(JournalError) {
        let parent = unsafe openat(self.descriptor, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { throw Self.unusable(self.path, Self.failure("open", "..")) }
        defer { close(parent) }
        guard fsync(parent) == 0 || errno == EINVAL else { throw Self.unusable(self.path, Self.failure("fsync", "..")) }
    }

    /// A directory that others can write to is no place for what nobody may alter.
    private func checkPrivacy() throws(JournalError) {
        var status = stat()
        guard unsafe fstat(self.descriptor, &status) == 0 else {
            throw Self.unusable(self.path, Self.failure("fstat", self.path))
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0, status.st_uid == geteuid() || geteuid() == 0 else {
            throw JournalError(
                code: .unusableDirectory,
                message: "'\(self.path)' can be written by others than its owner, who must be this process's user; "
                    + "chown and chmod 700 it")
        }
    }

    private func takeLock() throws(JournalError) {
        do throws(SystemFailure) {
            let file = try self.openFile(FileName.lock, O_RDWR | O_CREAT)
            guard Self.retrying({ flock(file.descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
                guard errno == EWOULDBLOCK else { throw Self.failure("flock", FileName.lock) }
                let owner = String(decoding: try file.read(at: 0, count: 20), as: UTF8.self)
                let name = owner.prefix { $0.isNumber }
                throw SystemFailure(operation: "\(name)", file: FileName.lock, errorNumber: EWOULDBLOCK)
            }
            try file.truncate(to: 0)
            try file.writeAll(Array("\(getpid())\n".utf8), at: 0)
            self.lock = file
        } catch {
            guard error.errorNumber == EWOULDBLOCK else { throw Self.unusable(self.path, error) }
            let owner = error.operation.isEmpty ? "another process" : "process \(error.operation)"
            throw JournalError(
                code: .inUse,
                message:
                    "the journal '\(self.path)' is in use by \(owner); a directory has one owner: stop that one, or name another"
                    + " directory")
        }
    }

    private static func unusable(_ path: String, _ failure: SystemFailure) -> JournalError {
        JournalError(
            code: .unusableDirectory,
            message:
                "'\(path)' can't be used for a journal: \(failure); name a directory whose parent exists and that is this user's",
            cause: failure)
    }

    // MARK: Files

    package func list() throws(SystemFailure) -> [String: Int] {
        let copy = unsafe openat(self.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = unsafe fdopendir(copy) else {
            let failure = Self.failure("opendir", self.path)
            if copy >= 0 { close(copy) }
            throw failure
        }
        defer { unsafe closedir(stream) }
        var files: [String: Int] = [:]
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw Self.failure("readdir", self.path) }
                return files
            }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(
                    to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)
                ) { unsafe String(cString: $0) }
            }
            var status = stat()
            guard unsafe fstatat(self.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                // Gone since it was listed: its owner is at work.
                guard errno == ENOENT else { throw Self.failure("fstatat", name) }
                continue
            }
            if status.st_mode & S_IFMT == S_IFREG { files[name] = Int(status.st_size) }
        }
    }

    package func create(_ name: String) throws(SystemFailure) -> any JournalFile {
        try self.openFile(name, O_RDWR | O_CREAT | O_EXCL)
    }

    package func open(_ name: String, forWriting: Bool) throws(SystemFailure) -> any JournalFile {
        // A pipe of that name would hold the reader up.
        try self.openFile(name, forWriting ? O_RDWR : O_RDONLY | O_NONBLOCK)
    }

    private func openFile(_ name: String, _ flags: Int32) throws(SystemFailure) -> SystemFile {
        let descriptor = Self.retrying {
            unsafe openat(self.descriptor, name, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard descriptor >= 0 else { throw Self.failure("open", name) }
        return SystemFile(descriptor: descriptor, name: name)
    }

    package func rename(_ name: String, to newName: String) throws(SystemFailure) {
        guard unsafe renameat(self.descriptor, name, self.descriptor, newName) == 0 else {
            throw Self.failure("rename", name)
        }
    }

    package func remove(_ name: String) throws(SystemFailure) {
        guard unsafe unlinkat(self.descriptor, name, 0) == 0 else { throw Self.failure("unlink", name) }
    }

    package func synchronize() throws(SystemFailure) {
        // Some file systems have nothing to do for a directory, and say that they can't.
        guard Self.retrying({ fsync(self.descriptor) }) == 0 || errno == EINVAL else {
            throw Self.failure("fsync", self.path)
        }
    }

    package func unlock() { self.lock = nil }

    // MARK: The system

    static func failure(_ operation: String, _ file: String) -> SystemFailure {
        SystemFailure(operation: operation, file: file, errorNumber: errno)
    }

    /// Calls again what a signal has interrupted.
    static func retrying<Value: SignedInteger>(_ call: () -> Value) -> Value {
        while true {
            let result = call()
            guard result == -1, errno == EINTR else { return result }
        }
    }
}
