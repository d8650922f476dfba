import DocketImport
import DocketModel

/// Reads events from JSON lines, one a line (docs/json.md), as soon as a line is there.
struct EventLines: ~Copyable {
    /// The longest line that is taken, in bytes.
    static let maxLineBytes = 1024 * 1024
    private static let chunkBytes = 64 * 1024

    private let source: ByteSource
    private var lines = LineReader(maxRecordBytes: Self.maxLineBytes)
    private var readBytes = 0
    private var isFinished = false
    /// The line of what ``next()`` gave last, from 1.
    private(set) var line = 0

    init(_ source: consuming ByteSource) { self.source = source }

    /// The next line's event, with a new id where the line has none, or why it is none; `nil` at the end. Blank lines
    /// are passed over.
    ///
    /// - Throws: ``CommandError`` when the source can't be read.
    mutating func next() throws(CommandError) -> Result<Event, ImportError>? {
        while true {
            switch self.lines.next() {
            case .failure(let error):
                self.line = error.line
                return .failure(error)
            case .success(let line):
                self.line = line.line
                return Self.event(line)
            case nil:
                guard !self.isFinished else { return nil }
                let chunk = try self.source.read(maxBytes: Self.chunkBytes, at: self.readBytes)
                self.readBytes += chunk.count
                if chunk.isEmpty {
                    self.lines.finish()
                    self.isFinished = true
                } else {
                    self.lines.push(chunk)
                }
            }
        }
    }

    private static func event(_ line: RawRecord) -> Result<Event, ImportError> {
        do throws(ModelError) {
            return .success(try Event(json: line.bytes, eventIDIfAbsent: .new()))
        } catch {
            return .failure(ImportError(code: .malformed, line: line.line, message: error.message))
        }
    }
}
