#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// What a file descriptor shows its output on. The only place of this module that asks the system for anything.
package struct Terminal: Sendable, Equatable {
    /// Whether it is a terminal.
    package let isTerminal: Bool
    /// How many columns it has; `nil` when it is no terminal or doesn't say.
    package let width: Int?
    /// How many rows it has; `nil` when it is no terminal or doesn't say.
    package let height: Int?

    package init(isTerminal: Bool, width: Int?, height: Int? = nil) {
        self.isTerminal = isTerminal
        self.width = width
        self.height = height
    }

    /// Asks the system about an open file descriptor. A terminal that doesn't know its size is taken for 80 columns
    /// wide.
    package init(fileDescriptor: Int32) {
        guard isatty(fileDescriptor) == 1 else {
            self.init(isTerminal: false, width: nil)
            return
        }
        var size = winsize()
        let isKnown = ioctl(fileDescriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        self.init(
            isTerminal: true, width: isKnown ? Int(size.ws_col) : 80,
            height: isKnown && size.ws_row > 0 ? Int(size.ws_row) : nil)
    }

    package static var standardOutput: Terminal { Terminal(fileDescriptor: STDOUT_FILENO) }
    package static var standardError: Terminal { Terminal(fileDescriptor: STDERR_FILENO) }
}
