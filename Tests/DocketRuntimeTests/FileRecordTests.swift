import Logging
import Synchronization
import Testing

@testable import DocketRuntime

@Suite("What is said of a file that is read again")
struct FileRecordTests {
    /// What is logged: the message, and the reason of a failure.
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])

        var all: [String] { self.lines.withLock { $0 } }

        func record(every interval: Duration?) -> FileRecord {
            FileRecord(
                name: "key set", counter: "test_loads_total", interval: interval,
                logger: Logger(label: "test") { _ in Handler(lines: self) })
        }

        private struct Handler: LogHandler {
            let lines: Lines
            var metadata: Logger.Metadata = [:]
            var logLevel = Logger.Level.debug

            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { self.metadata[key] }
                set { self.metadata[key] = newValue }
            }

            func log(event: LogEvent) {
                let detail = event.metadata?["error"] ?? event.metadata?["subject"]
                self.lines.lines.withLock { $0.append("\(event.message)" + (detail.map { " (\($0))" } ?? "")) }
            }
        }
    }

    @Test("is logged when it is something new, and once it is well again")
    func news() {
        let lines = Lines()
        let record = lines.record(every: nil)
        record.loaded("a", isNew: true, metadata: ["subject": "CN=a"])
        record.loaded("a", isNew: false)
        for error in ["one", "one", "two"] { record.failed("a", error) }
        record.loaded("a", isNew: false)
        record.loaded("a", isNew: false)
        let failure =
            "the key set can't be read again; what was read before stays in use: mend the file, then send SIGHUP"
        #expect(
            lines.all == [
                "key set loaded (CN=a)", "\(failure) (one)", "\(failure) (two)", "key set loaded",
            ])
    }

    @Test("asks for no signal where the file is read again by itself")
    func interval() {
        let lines = Lines()
        lines.record(every: .seconds(60)).failed("a", "one")
        #expect(lines.all.first?.contains("mend the file; it is read again every 60.0 seconds") == true)
    }
}
