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

    /// Writes a line to standard error.
    static func error(_ line: String) {
        self.write(line + "\n", to: STDERR_FILENO)
    }

    /// Writes text to standard error as it is.
    static func progress(_ text: String) {
        self.write(text, to: STDERR_FILENO)
    }

    /// Writes a line to standard output at once: print() would keep it back when the output is a pipe.
    static func line(_ line: String = "") {
        self.write(line + "\n", to: STDOUT_FILENO)
    }

    /// Writes text to standard output as it is.
    static func write(_ text: String) {
        self.write(text, to: STDOUT_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let written = bytes[start...].withUnsafeBytes { buffer in
                #if canImport(Glibc)
                    Glibc.write(descriptor, buffer.baseAddress, buffer.count)
                #else
                    Darwin.write(descriptor, buffer.baseAddress, buffer.count)
                #endif
            }
            guard written > 0 else { return }
            start += written
        }
    }
}
