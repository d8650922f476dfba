package import DocketModel
package import DocketOperations
package import DocketRegistry
import Foundation

/// The file that a collector keeps its registry in. Both ways block.
package struct RegistrySnapshotFile: Sendable, Equatable {
    package let path: String
    /// Where the collector's database is (``ConnectionSettings/place``).
    package let place: String
    /// How old a registry may be to be used.
    package let maxAgeSeconds: Int

    /// How far ahead of this clock a registry may have been confirmed, in microseconds: more than that, and its age means nothing.
    private static let maxAheadMicroseconds: Int64 = 300_000_000

    package init(path: String, place: String, maxAgeSeconds: Int) {
        self.path = path
        self.place = place
        self.maxAgeSeconds = maxAgeSeconds
    }

    /// Reads the registry.
    ///
    /// - Throws: ``OperationsError`` `unreadable`, when there is no file, or it is not to be used: others can write it, it is damaged,
    ///   too old, or of another database.
    package func read(at now: Timestamp) throws(OperationsError) -> RegistryFile {
        let bytes = try self.bytes()
        let file: RegistryFile
        do throws(RegistryError) {
            file = try RegistryFile(bytes: bytes)
        } catch {
            throw self.unusable(error.message, cause: error)
        }
        guard file.origin.place == self.place else {
            throw self.unusable(
                "it is of the database at '\(file.origin.place)', and postgres.writer names '\(self.place)'")
        }
        guard self.isFresh(file.confirmedAt, at: now) else {
            throw self.unusable(
                "PostgreSQL confirmed it at \(file.confirmedAt), it is \(now) now, and registry.max_snapshot_age_seconds is "
                    + "\(self.maxAgeSeconds)")
        }
        return file
    }

    /// Whether a registry may still be used.
    package func isFresh(_ confirmedAt: Timestamp, at now: Timestamp) -> Bool {
        let age = now.microsecondsSinceEpoch - confirmedAt.microsecondsSinceEpoch
        return (-Self.maxAheadMicroseconds...Int64(self.maxAgeSeconds) * 1_000_000).contains(age)
    }

    /// Replaces the file by one that only its owner can read, whole or not at all.
    package func write(payload: [UInt8], confirmedAt: Timestamp) throws(OperationsError) {
        try SecretFile.write(Data(RegistryFile.bytes(payload: payload, confirmedAt: confirmedAt)), to: self.path)
    }

    private func bytes() throws(OperationsError) -> [UInt8] {
        // A pipe or a device would hold the start up.
        let descriptor = open(self.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw self.unusable(String(cString: strerror(errno))) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw self.unusable("it is no regular file")
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0, status.st_uid == geteuid() || status.st_uid == 0 else {
            throw self.unusable("others than its owner, who must be the collector's user or root, can write it")
        }
        guard status.st_size <= RegistryFile.maxBytes else {
            throw self.unusable("it has \(status.st_size) bytes; a registry has \(RegistryFile.maxBytes) at most")
        }
        do {
            return try file.readToEnd().map { Array($0) } ?? []
        } catch {
            throw self.unusable("it can't be read", cause: error)
        }
    }

    private func unusable(_ reason: String, cause: (any Error)? = nil) -> OperationsError {
        OperationsError(
            code: .unreadable, message: "the registry snapshot '\(self.path)' is not used: \(reason)", cause: cause)
    }
}
