import Foundation

extension DevCluster {
    /// Makes the data folder. `initdb` works on another name first, so that one that was killed half-way is never taken
    /// for a whole one.
    func initialize() throws(DevClusterError) {
        let unfinished = "\(self.folder)/data.new"
        for locale in ["C.UTF-8", "C"] {
            try? FileManager.default.removeItem(atPath: unfinished)
            if try self.initdb(into: unfinished, locale: locale) { return }
        }
        throw DevClusterError(code: .programFailed, message: "initdb knows neither the locale C.UTF-8 nor C")
    }

    /// Says whether the locale was known. UTF8 is asked for by name: under a locale of C, `initdb` would make
    /// SQL_ASCII.
    private func initdb(into unfinished: String, locale: String) throws(DevClusterError) -> Bool {
        var command = [
            self.programs.path("initdb"), "-D", unfinished, "-U", Self.superuser, "-E", "UTF8", "--locale=\(locale)",
            "-A", "trust",
        ]
        if !self.settings.isDurable { command.append("--no-sync") }
        let result = try ProgramRun.run(self.user.prefix + command)
        if result.status != 0 {
            if result.text.contains("invalid locale name") { return false }
            throw DevClusterError(
                code: .programFailed,
                message: "initdb ended with status \(result.status) for \(unfinished): \(result.text.suffix(2000))")
        }
        guard rename(unfinished, self.dataFolder) == 0 else {
            throw DevClusterError(
                code: .folder, message: "\(unfinished) could not be renamed to \(self.dataFolder): errno \(errno)")
        }
        return true
    }

    /// PostgreSQL refuses a data folder of another major version; say so before it does, with the remedy.
    func checkVersion() throws(DevClusterError) {
        let file = "\(self.dataFolder)/PG_VERSION"
        let made = ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").trimmingCharacters(in: .newlines)
        let program = try ProgramRun.check([self.programs.path("postgres"), "--version"])
        let number = program.split(separator: " ").first { $0.first?.isNumber == true } ?? ""
        let major = number.prefix { $0.isNumber }
        guard made == major else {
            throw DevClusterError(
                code: .programFailed,
                message: "\(self.dataFolder) was made by PostgreSQL \(made), but the programs in "
                    + "\(self.programs.binFolder) are version \(major); set PGBIN to the programs of version \(made), "
                    + "or start over with an empty folder")
        }
    }

    /// Removes the lock files of a server that is gone. PostgreSQL does so itself unless the number in them has been
    /// given to another process of the same user, which is what happens in containers.
    func removeStaleLocks() throws(DevClusterError) {
        let socket = "\(self.socketFolder)/.s.PGSQL.\(Self.port)"
        for path in ["\(self.dataFolder)/postmaster.pid", socket, "\(socket).lock"] {
            guard unlink(path) == 0 || errno == ENOENT else {
                throw DevClusterError(
                    code: .folder, message: "the stale lock file \(path) could not be removed: errno \(errno)")
            }
        }
    }

    /// Writes our parameters and the access rules anew at each start, so that a changed folder or setting takes effect.
    func writeConfiguration() throws(DevClusterError) {
        try self.write(self.configuration, to: "\(self.dataFolder)/docket.conf")
        try self.write("local all all trust\nlocal replication all trust\n", to: "\(self.dataFolder)/pg_hba.conf")
        let main = "\(self.dataFolder)/postgresql.conf"
        let include = "include 'docket.conf'"
        guard let text = try? String(contentsOfFile: main, encoding: .utf8) else {
            throw DevClusterError(code: .folder, message: "\(main) can't be read; start over with an empty folder")
        }
        if !text.contains(include) { try self.write("\(text)\n\(include)\n", to: main) }
    }

    /// The parameters as text of postgresql.conf (PostgreSQL chapter 20.1).
    private var configuration: String {
        var parameters = [
            "listen_addresses": "",
            "unix_socket_directories": self.socketFolder,
            "unix_socket_permissions": "0700",
            "port": "\(Self.port)",
            "max_connections": "\(self.settings.maxConnections)",
            "shared_buffers": "128MB",
            // A burst of events shouldn't meet a checkpoint every few seconds.
            "max_wal_size": "2GB",
            "log_line_prefix": "%m [%p] %u@%d ",
            "fsync": self.settings.isDurable ? "on" : "off",
        ]
        parameters.merge(self.settings.parameters) { _, given in given }
        return parameters.sorted { $0.key < $1.key }.map { name, value in
            "\(name) = '\(value.replacingOccurrences(of: "'", with: "''"))'\n"
        }.joined()
    }

    /// Writes a file that the server's user owns.
    private func write(_ text: String, to path: String) throws(DevClusterError) {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        } catch {
            throw DevClusterError(code: .folder, message: "\(path) could not be written: \(error)", cause: error)
        }
        guard chmod(path, 0o600) == 0, chown(path, self.user.userID, self.user.groupID) == 0 else {
            throw DevClusterError(
                code: .folder, message: "\(path) could not be given to user \(self.user.userID): errno \(errno)")
        }
    }
}
