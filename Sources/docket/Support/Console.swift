import DocketTerminal
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the terminal is, and plain writing to it.
enum Console {
    private static let verbose = Atomic<Bool>(false)

    /// Whether errors are to be shown with their causes.
    static var isVerbose: Bool {
        get { self.verbose.load(ordering: .relaxed) }
        set { self.verbose.store(newValue, ordering: .relaxed) }
    }

    /// How output may be emphasised.
    static var style: TerminalStyle {
        TerminalStyle(isTerminal: Terminal.standardOutput.isTerminal, environment: ProcessInfo.processInfo.environment)
    }

    /// A variable of the environment; `nil` when it is unset or empty.
    static func environment(_ name: String) -> String? {
        guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { return nil }
        return value
    }

    /// Writes a line to standard error. When that fails there is nowhere left to say so.
    static func error(_ line: String) {
        self.progress(line + "\n")
    }

    /// Writes text to standard error as it is.
    static func progress(_ text: String) {
        try? self.write(text, to: STDERR_FILENO)
    }

    /// Writes a line to standard output at once: print() would keep it back when the output is a pipe.
    ///
    /// - Throws: ``OutputClosed`` when nobody reads any more, ``CommandError`` when the output can't be written.
    static func line(_ line: String = "") throws {
        try self.write(line + "\n")
    }

    /// Writes text to standard output as it is. Throws as ``line(_:)`` does.
    static func write(_ text: String) throws { try self.write(Array(text.utf8)) }

    /// The same of bytes.
    static func write(_ bytes: [UInt8]) throws {
        if let pager = self.pager.withLock({ $0 }) { return try pager.write(bytes) }
        try self.write(bytes, to: STDOUT_FILENO)
    }

    private static let pager = Mutex<Pager?>(nil)

    /// Runs `body`, whose standard output goes through a pager where it is longer than the terminal's screen. Returns when the
    /// pager has been quit.
    static func paged(_ options: PagerOptions, _ body: () async throws -> Void) async throws {
        let command = options.noPager ? nil : Pager.command(environment: ProcessInfo.processInfo.environment)
        let pager = command.flatMap { Pager(command: $0, terminal: .standardOutput) }
        self.pager.withLock { $0 = pager }
        do {
            try await body()
        } catch let closed as OutputClosed {
            // Either the pager was quit, or it says why it took nothing.
            try self.endPaging()
            throw closed
        } catch {
            // The error is told behind what there is of the output.
            try? self.endPaging()
            throw error
        }
        try self.endPaging()
    }

    /// Ends what ``paged(_:_:)`` has begun, before its body does: what comes next stays on the screen.
    static func endPaging() throws {
        let pager = self.pager.withLock { pager in
            defer { pager = nil }
            return pager
        }
        try pager?.finish()
    }

    /// Writes all of a text to a descriptor, however often the system takes but a part of it.
    static func write(_ text: String, to descriptor: Int32) throws { try self.write(Array(text.utf8), to: descriptor) }

    /// The same of bytes.
    static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        var start = 0
        while start < bytes.count {
            let written = bytes[start...].withUnsafeBytes { buffer in
                #if canImport(Glibc)
                    Glibc.write(descriptor, buffer.baseAddress, buffer.count)
                #else
                    Darwin.write(descriptor, buffer.baseAddress, buffer.count)
                #endif
            }
            if written >= 0 {
                start += written
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: self.waitUntilWritable(descriptor)
            case EPIPE: throw OutputClosed()
            case let code: throw CommandError(.ioError, "cannot write the output: \(String(cString: strerror(code)))")
            }
        }
    }

    /// Another program that shares the terminal may have made the descriptor non-blocking.
    private static func waitUntilWritable(_ descriptor: Int32) {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&wanted, 1, -1)
    }
}

/// Nobody reads standard output any more, as in `docket query | head`: a command ends there, and well.
struct OutputClosed: Error {}
