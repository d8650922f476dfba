internal import CDocketClient
internal import DocketClient
internal import DocketThreads
internal import Logging

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The callbacks of one client.
///
/// Sendable without the compiler's proof: docket.h demands of callbacks that they may run on any thread, several at a time, and of the
/// context that it lives until the client is closed, after which ``close()`` lets nobody through.
@safe final class Callbacks: @unchecked Sendable {
    private struct State {
        var isClosed = false
        /// How many are running.
        var runningCount = 0
    }

    private let state = Monitor(State())
    private let onRejection: docket_rejection_callback?
    private let onLog: docket_log_callback?
    private let context: UnsafeMutableRawPointer?

    init(_ config: docket_config) {
        unsafe self.onRejection = config.on_rejection
        unsafe self.onLog = config.on_log
        unsafe self.context = config.context
    }

    var takesRejections: Bool { unsafe self.onRejection != nil }
    var takesLines: Bool { unsafe self.onLog != nil }

    func reject(_ rejection: Rejection) {
        self.run {
            unsafe rejection.code.name.withCString { codeName in
                unsafe rejection.field.withCString { field in
                    unsafe rejection.reason.withCString { reason in
                        var told = unsafe docket_rejection(
                            size: UInt32(MemoryLayout<docket_rejection>.size), code: rejection.code.rawValue,
                            index: Int64(rejection.index), code_name: codeName, field: field, reason: reason)
                        unsafe self.onRejection?(self.context, &told)
                    }
                }
            }
        }
    }

    func log(_ level: Int32, _ line: String) {
        self.run { unsafe line.withCString { unsafe self.onLog?(self.context, level, $0) } }
    }

    /// Lets no callback begin any more, and returns when none is running. Not to be called from one.
    func close() {
        self.state.withLock { $0.isClosed = true }
        self.state.wait { $0.runningCount == 0 ? () : nil }
    }

    private func run(_ body: () -> Void) {
        let begins = self.state.withLock { state in
            if !state.isClosed { state.runningCount += 1 }
            return !state.isClosed
        }
        guard begins else { return }
        CallbackThread.run(body)
        self.state.withLockWaking { state in
            state.runningCount -= 1
            return state.runningCount == 0 ? .all : .none
        }
    }
}

/// Which threads are inside a callback.
enum CallbackThread {
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return unsafe pthread_key_create(&key, nil) == 0 ? key : nil
    }()

    static var isInside: Bool { self.key.map { unsafe pthread_getspecific($0) != nil } ?? false }

    static func run(_ body: () -> Void) {
        guard let key = self.key, !self.isInside else { return body() }
        unsafe pthread_setspecific(key, UnsafeRawPointer(bitPattern: 1))
        body()
        pthread_setspecific(key, nil)
    }
}

/// Gives log lines to a function: the message, and behind it what belongs to it.
struct LineHandler: LogHandler {
    private let sink: @Sendable (Int32, String) -> Void
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(_ sink: @escaping @Sendable (Int32, String) -> Void) { self.sink = sink }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = self.metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let line = "\(event.message)" + fields.map { " \($0.key)=\($0.value)" }.joined()
        // Messages hold text of peers, which must neither act on a terminal nor begin a line of its own.
        let printable = line.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
        self.sink(Self.number(event.level), String(printable))
    }

    private static func number(_ level: Logger.Level) -> Int32 {
        let number =
            switch level {
            case .trace: DOCKET_LOG_TRACE
            case .debug: DOCKET_LOG_DEBUG
            case .info: DOCKET_LOG_INFO
            case .notice: DOCKET_LOG_NOTICE
            case .warning: DOCKET_LOG_WARNING
            case .error: DOCKET_LOG_ERROR
            case .critical: DOCKET_LOG_CRITICAL
            }
        return Int32(number)
    }
}
