import Crypto
import DocketModel
import Foundation

/// Where an export's bytes go: a file that has its name only once it is whole, or standard output. Counts and hashes them.
final class ExportFile {
    /// How many bytes are gathered before they are written.
    private static let bufferBytes = 256 * 1024

    /// Where the file is in the end; `nil` for standard output.
    let path: String?
    private let descriptor: Int32
    private var writer: ExportWriter
    private var buffer: [UInt8] = []
    private var hash = SHA256()
    private(set) var byteCount: Int64 = 0
    private(set) var eventCount: Int64 = 0
    private(set) var occurred: ClosedRange<Timestamp>?
    private(set) var received: ClosedRange<Timestamp>?
    /// What the file is called until it is whole: a name that no other export has.
    private let partialPath: String
    private var isOpen = false

    /// - Parameters:
    ///   - path: `nil` for standard output.
    ///   - overwrites: Whether a file of the name may be replaced.
    init(path: String?, writer: ExportWriter, overwrites: Bool) throws {
        self.path = path
        self.writer = writer
        self.partialPath = "\(path ?? "").partial-\(UInt64.random(in: 0 ... .max))"
        if let path {
            guard overwrites || !FileManager.default.fileExists(atPath: path) else {
                throw CommandError(
                    .cannotCreate, "'\(path)' is there already; name another file, or pass --overwrite")
            }
            self.descriptor = open(self.partialPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard self.descriptor >= 0 else {
                throw CommandError.ofSystem(.cannotCreate, "cannot create '\(self.partialPath)'")
            }
            self.isOpen = true
        } else {
            self.descriptor = STDOUT_FILENO
        }
        self.buffer = writer.header
    }

    /// An export that came to nothing leaves nothing behind, unless it was killed.
    deinit { self.discard() }

    func append(_ events: [StoredEvent]) throws {
        for event in events {
            self.writer.append(event, to: &self.buffer)
            self.occurred = Self.with(event.event.occurredAt, self.occurred)
            self.received = Self.with(event.receivedAt, self.received)
            if self.buffer.count >= Self.bufferBytes { try self.flush() }
        }
        self.eventCount += Int64(events.count)
        // Whoever reads standard output sees what there is.
        if self.path == nil { try self.flush() }
    }

    /// Ends it; gives back the SHA-256 of all bytes in hexadecimal.
    func finish() throws -> String {
        try self.flush()
        if let path = self.path {
            guard fsync(self.descriptor) == 0 else { throw CommandError.ofSystem(.ioError, "cannot keep '\(path)'") }
            guard rename(self.partialPath, path) == 0 else {
                throw CommandError.ofSystem(.cannotCreate, "cannot name the export '\(path)'")
            }
            close(self.descriptor)
            self.isOpen = false
        }
        return hexadecimal(self.hash.finalize())
    }

    private func discard() {
        guard self.isOpen else { return }
        close(self.descriptor)
        unlink(self.partialPath)
    }

    private func flush() throws {
        guard !self.buffer.isEmpty else { return }
        self.hash.update(data: self.buffer)
        self.byteCount += Int64(self.buffer.count)
        try Console.write(self.buffer, to: self.descriptor)
        self.buffer.removeAll(keepingCapacity: true)
    }

    /// The span of times, and a further one.
    static func with(_ time: Timestamp, _ range: ClosedRange<Timestamp>?) -> ClosedRange<Timestamp> {
        guard let range else { return time...time }
        return min(time, range.lowerBound)...max(time, range.upperBound)
    }
}
