import Foundation

/// Runs a program to its end, with `posix_spawn`.
///
/// Foundation's `Process` won't do: it learns of the end by a socket that the program inherits, so it waits for every
/// descendant too, and the server that `pg_ctl` leaves running is one.
struct ProgramRun {
    /// The exit status; the negated signal number when a signal ended the program.
    let status: Int32
    /// Standard output and standard error, together.
    let text: String

    /// Runs a command line with `/` as working folder, which every user may enter, and none of the caller's open files,
    /// signal settings, `PG*` or locale variables: those would lead the private cluster to another server.
    static func run(_ commandLine: [String]) throws(DevClusterError) -> ProgramRun {
        guard let program = commandLine.first else { preconditionFailure("a command line names a program") }
        // A file rather than a pipe: a pipe would stay open for as long as any descendant holds it.
        guard let output = tmpfile() else {
            throw DevClusterError(code: .programFailed, message: "no temporary file can be made: errno \(errno)")
        }
        defer { fclose(output) }
        let child = try self.spawn(commandLine, output: fileno(output))
        var state: Int32 = 0
        while waitpid(child, &state, 0) < 0 {
            guard errno == EINTR else {
                throw DevClusterError(
                    code: .programFailed, message: "\(program) can't be waited for: errno \(errno)")
            }
        }
        // The macros WIFEXITED and WEXITSTATUS, which Swift doesn't import.
        let status = state & 0x7F == 0 ? (state >> 8) & 0xFF : -(state & 0x7F)
        rewind(output)
        let text = FileHandle(fileDescriptor: fileno(output), closeOnDealloc: false).readDataToEndOfFile()
        return ProgramRun(status: status, text: String(decoding: text, as: UTF8.self))
    }

    /// Like ``run(_:)``, but an exit status other than 0 is an error that quotes what the program said.
    @discardableResult
    static func check(_ commandLine: [String]) throws(DevClusterError) -> String {
        let result = try self.run(commandLine)
        guard result.status == 0 else {
            let said = result.text.trimmingCharacters(in: .whitespacesAndNewlines)
            throw DevClusterError(
                code: .programFailed,
                message: "\(commandLine.joined(separator: " ")) ended with status \(result.status): \(said)")
        }
        return result.text
    }

    private static func spawn(_ commandLine: [String], output: Int32) throws(DevClusterError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        // Nothing of ours is to live on in a server; a descriptor that is closed by then is skipped.
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGQUIT] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        // The shell enters the working folder: glibc's own spawn action for that is hidden from Swift.
        let arguments = ["/bin/sh", "-c", "cd / && exec \"$@\"", "sh"] + commandLine
        var argumentPointers = arguments.map { strdup($0) } + [nil]
        var environmentPointers = self.environment().map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argumentPointers + environmentPointers { free(text) } }
        var child: pid_t = 0
        let failure = posix_spawn(
            &child, "/bin/sh", &actions, &attributes, &argumentPointers, &environmentPointers)
        guard failure == 0 else {
            throw DevClusterError(code: .programFailed, message: "/bin/sh can't be run: errno \(failure)")
        }
        return child
    }

    private static func environment() -> [String: String] {
        let kept = ProcessInfo.processInfo.environment.filter { name, _ in
            !name.hasPrefix("PG") && !name.hasPrefix("LC_") && name != "LANG" && name != "LANGUAGE"
        }
        return kept.merging(["LC_ALL": "C"]) { _, new in new }
    }
}
