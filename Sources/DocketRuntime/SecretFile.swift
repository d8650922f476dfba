package import DocketOperations
package import Foundation

/// Files that hold tokens, or what tokens are checked against.
package enum SecretFile {
    /// Writes a file that only its owner can read, whole or not at all: a reader finds the old content or the new.
    ///
    /// A file that was there is replaced by a new one, whoever could read it.
    ///
    /// - Throws: ``OperationsError``: `cannotCreate` with what the system says about the path, or `writeFailed`.
    package static func write(_ content: Data, to path: String) throws(OperationsError) {
        // Processes that share the folder may have the same number: in containers each is often the first.
        let temporary = "\(path).\(getpid()).\(String(UInt64.random(in: 0 ... .max), radix: 16)).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.cannotCreate(temporary) }
        do {
            let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try file.write(contentsOf: content)
            // The content reaches the disk before the name does.
            try file.synchronize()
            try file.close()
        } catch {
            unlink(temporary)
            throw OperationsError(code: .writeFailed, message: "cannot write '\(temporary)'", cause: error)
        }
        guard rename(temporary, path) == 0 else {
            defer { unlink(temporary) }
            throw Self.cannotCreate(path)
        }
        try Self.synchronizeFolder(of: path)
    }

    /// The name reaches the disk too: it is in the folder's content.
    private static func synchronizeFolder(of path: String) throws(OperationsError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.cannotCreate(path) }
        defer { close(descriptor) }
        // Some file systems have nothing to do for a folder, and say that they can't.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw Self.cannotCreate(path) }
    }

    /// Writes a value as JSON for people, as ``write(_:to:)`` does.
    package static func write(_ value: some Encodable, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try self.write(try encoder.encode(value) + Data("\n".utf8), to: path)
    }

    /// With what the newest failed call of the system (`errno`) was about.
    private static func cannotCreate(_ path: String) -> OperationsError {
        OperationsError(code: .cannotCreate, message: "cannot write '\(path)': \(String(cString: strerror(errno)))")
    }
}
