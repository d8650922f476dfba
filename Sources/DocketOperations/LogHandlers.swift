internal import DocketModel
internal import DocketTerminal
package import Logging
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// How log lines look.
package enum LogFormat: String, Sendable, CaseIterable {
    /// One JSON object a line, for machines.
    case json
    /// One line of text, for people.
    case text
}

/// Writes log lines to standard error, whole: lines of several threads never mix.
///
/// A swift-log handler of Docket's own because the packages at hand have none that writes JSON.
package struct LineLogHandler: LogHandler {
    private static let lock = Mutex(())

    private let label: String
    private let format: LogFormat
    private let sink: @Sendable (String) -> Void
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    /// - Parameter sink: takes a finished line without its newline; standard error when left out.
    package init(
        label: String, format: LogFormat, level: Logger.Level,
        sink: @escaping @Sendable (String) -> Void = LineLogHandler.writeToStandardError
    ) {
        self.label = label
        self.format = format
        self.logLevel = level
        self.sink = sink
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var merged = self.metadata
        if let provided = self.metadataProvider?.get() { merged.merge(provided) { _, new in new } }
        if let own = event.metadata { merged.merge(own) { _, new in new } }
        let fields = merged.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let now = Timestamp.now.rfc3339
        switch self.format {
        case .json:
            self.sink(self.jsonLine(now, event, fields))
        case .text:
            let tail = fields.map { " \($0.0)=\($0.1)" }.joined()
            // Messages hold text of peers, which must neither act on a terminal nor begin a line of its own.
            self.sink(TerminalText.escaped("\(now) \(event.level) \(event.message)\(tail)"))
        }
    }

    private func jsonLine(_ now: String, _ event: LogEvent, _ fields: [(String, String)]) -> String {
        var writer = JSONWriter()
        let known = [
            ("time", now), ("level", "\(event.level)"), ("logger", self.label), ("message", "\(event.message)"),
        ]
        writer.beginObject()
        for (key, value) in known + fields {
            writer.key(key)
            writer.string(value)
        }
        writer.endObject()
        return writer.text
    }

    @Sendable package static func writeToStandardError(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        Self.lock.withLock { _ in
            var start = 0
            while start < bytes.count {
                let written = bytes[start...].withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return }
                start += written
            }
        }
    }
}
