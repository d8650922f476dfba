import ArgumentParser
import DocketTerminal
import Foundation
import Synchronization

/// `--no-pager`, of the commands that show the log.
struct PagerOptions: ParsableArguments {
    @Flag(
        help:
            "Never show long output through a pager. Otherwise a terminal's is: by DOCKET_PAGER, PAGER, or 'less -FRX'."
    )
    var noPager = false
}

/// Standard output that waits until it is longer than the screen, and then goes through a pager.
final class Pager: Sendable {
    private enum Sink {
        /// The screen may still hold it all.
        case undecided(held: [UInt8], rows: ScreenRows)
        case screen
        case program(PagerProcess)
    }

    private let command: String
    private let height: Int
    private let sink: Mutex<Sink>

    /// - Parameters:
    ///   - command: what ``command(environment:)`` gives.
    ///   - terminal: standard output's, whose size must be known.
    init?(command: String, terminal: Terminal) {
        guard terminal.isTerminal, let width = terminal.width, let height = terminal.height else { return nil }
        self.command = command
        self.height = height
        self.sink = Mutex(.undecided(held: [], rows: ScreenRows(columns: width)))
    }

    /// The pager that an environment asks for, as git chooses one; `nil` for none.
    static func command(environment: [String: String]) -> String? {
        guard let terminal = environment["TERM"], !terminal.isEmpty, terminal != "dumb" else { return nil }
        let command = environment["DOCKET_PAGER"] ?? environment["PAGER"] ?? "less -FRX"
        let words = command.split(separator: " ")
        return words.isEmpty || words == ["cat"] ? nil : command
    }

    /// Writes as ``Console/write(_:to:)`` does, ``OutputClosed`` for a pager that was quit included.
    func write(_ bytes: [UInt8]) throws {
        try self.sink.withLock { sink in
            switch sink {
            case .screen: try Console.write(bytes, to: STDOUT_FILENO)
            case .program(let process): try Console.write(bytes, to: process.input)
            case .undecided(var held, var rows):
                held += bytes
                rows.add(bytes)
                guard rows.exceed(self.height) else {
                    sink = .undecided(held: held, rows: rows)
                    return
                }
                // Without its pager, output is still output.
                sink = PagerProcess(command: self.command).map { .program($0) } ?? .screen
                if case .program(let process) = sink { return try Console.write(held, to: process.input) }
                try Console.write(held, to: STDOUT_FILENO)
            }
        }
    }

    /// Writes what has been held back, or waits until the pager has been quit. Throws where there was none to be quit.
    func finish() throws {
        try self.sink.withLock { sink in
            defer { sink = .screen }
            switch sink {
            case .undecided(let held, _): try Console.write(held, to: STDOUT_FILENO)
            case .program(let process): try process.finish()
            case .screen: break
            }
        }
    }
}

/// A running pager. It shares the terminal and its process group, so that it reads the keys; an interrupt is its own to handle.
struct PagerProcess: Sendable {
    /// The characters for which a command goes to the shell, as git has it.
    private static let shellCharacters = Set("|&;<>()$`\\\"' \t\n*?[#~=%")

    /// Where its text is written to.
    let input: Int32
    private let processID: pid_t
    private let command: String
    private let isRunByShell: Bool

    /// Starts it; `nil` where it can't be: there is no such program, or no room for one more process.
    init?(command: String) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        let (reading, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let words = command.split(separator: " ").map { String($0) }
        let isPlain = words.allSatisfy { $0.allSatisfy { !Self.shellCharacters.contains($0) } }
        let started = Self.spawn(isPlain ? words : ["/bin/sh", "-c", command], input: reading)
        close(reading)
        guard let started else {
            close(writing)
            return nil
        }
        self.processID = started
        self.input = writing
        self.command = command
        self.isRunByShell = !isPlain
        signal(SIGINT, SIG_IGN)
        // Quit while the next events are waited for, it leaves an interrupt to the command again.
        Thread.detachNewThread {
            var ended = siginfo_t()
            while waitid(P_PID, id_t(started), &ended, WEXITED | WNOWAIT) < 0, errno == EINTR {}
            signal(SIGINT, SIG_DFL)
        }
    }

    /// Ends its input, and waits until it ends. Throws when the shell found no such program, or couldn't run it (POSIX, "Shell
    /// Command Language", 2.8.2).
    func finish() throws {
        close(self.input)
        var status: Int32 = 0
        while waitpid(self.processID, &status, 0) < 0, errno == EINTR {}
        signal(SIGINT, SIG_DFL)
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 0
        guard self.isRunByShell, code == 126 || code == 127 else { return }
        throw CommandError(
            .unavailable,
            "the pager '\(self.command)' can't be run (exit code \(code)); set DOCKET_PAGER to another one, or give --no-pager"
        )
    }

    private static func spawn(_ words: [String], input: Int32) -> pid_t? {
        guard let program = words.first else { return nil }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        // Ignored signals stay ignored in a new program; this one is to end when its terminal does.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        // 'less' of an environment that says nothing to it is to end at once, keep colours, and leave its text on the screen.
        let settings = ProcessInfo.processInfo.environment.merging(["LESS": "FRX"]) { set, _ in set }
        var environment: [UnsafeMutablePointer<CChar>?] = settings.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var processID: pid_t = 0
        guard posix_spawnp(&processID, program, &actions, &attributes, &arguments, &environment) == 0 else {
            return nil
        }
        return processID
    }
}
