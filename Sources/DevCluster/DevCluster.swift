import Foundation

/// A private PostgreSQL for development, tests and benchmarks: its own data folder, a Unix socket and no TCP port, so
/// that it never meets another server of the machine.
///
/// Who may connect is decided by the socket's folder, which only the server's user (and root) may enter; behind it
/// every role is trusted. When root calls, the server runs as the system user `postgres`, which then owns the folder;
/// root reaches the socket all the same.
///
/// ```
/// <folder>/data            PostgreSQL's data folder
/// <folder>/run             the socket; a short folder in /tmp instead when the path would be too long for a socket
/// <folder>/postgres.log    what the server says
/// ```
package struct DevCluster: Sendable {
    /// What the server is set to, beyond its defaults.
    package struct Settings: Sendable, Equatable {
        /// Whether a commit waits for the disk. Off only where a lost cluster is no loss.
        package var isDurable = true
        /// The most connections.
        package var maxConnections = 64
        /// Further parameters of postgresql.conf, by name; they win over the ones above.
        package var parameters: [String: String] = [:]

        package init() {}
    }

    /// How a server is stopped (`pg_ctl stop -m`).
    package enum StopMode: String, Sendable {
        /// Ends sessions, writes a checkpoint.
        case fast
        /// Like a crash: the next start recovers.
        case immediate
    }

    /// The longest path of a Unix socket, in bytes (`sun_path` without its NUL).
    package static let maxSocketPathBytes = 107
    /// The port, which only names the socket file.
    package static let port = 5432
    /// The superuser that `initdb` makes.
    package static let superuser = "postgres"

    /// Where everything of the cluster lives.
    package let folder: String
    /// The folder of the socket: what goes into a connection string as `host`.
    package let socketFolder: String
    package let programs: PostgresPrograms
    package let settings: Settings
    let user: ServerUser

    /// A cluster in a folder, which is made by ``start()``. When the caller is root and the user `postgres` can't enter
    /// the folder's parents (`/root`, say), the cluster lives below `/var/lib/docket-dev` instead, under a name derived
    /// from the path; ``folder`` says where.
    package init(
        folder: String, programs: PostgresPrograms? = nil, settings: Settings = Settings()
    ) throws(DevClusterError) {
        if let programs { self.programs = programs } else { self.programs = try PostgresPrograms.find() }
        self.settings = settings
        self.user = try ServerUser.current()
        let wanted = URL(fileURLWithPath: folder).standardizedFileURL.path
        self.folder = try ClusterFolder.place(wanted, user: self.user)
        self.socketFolder = ClusterFolder.socketFolder(of: self.folder, userID: self.user.userID)
    }

    /// PostgreSQL's data folder.
    package var dataFolder: String { "\(self.folder)/data" }
    /// What the server says goes here.
    package var logFile: String { "\(self.folder)/postgres.log" }

    /// The connection string of a role and a database (libpq, chapter 34.1.1).
    package func conninfo(role: String, database: String) -> String {
        func quoted(_ value: String) -> String {
            let plain = value.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-".contains($0)) }
            guard !plain || value.isEmpty else { return value }
            let escaped = value.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'")
            return "'\(escaped)'"
        }
        return "host=\(quoted(self.socketFolder)) port=\(Self.port) user=\(quoted(role)) dbname=\(quoted(database))"
    }

    /// A command line for a shell that opens `psql` as a role.
    package func psqlLine(role: String, database: String) -> String {
        let conninfo = self.conninfo(role: role, database: database)
        return "\(self.programs.path("psql")) '\(conninfo.replacingOccurrences(of: "'", with: "'\\''"))'"
    }

    // MARK: Life

    /// Makes the cluster if there is none, clears away what a killed server left, starts the server and waits until it
    /// takes connections. Does nothing when it runs already.
    package func start() throws(DevClusterError) {
        try ClusterFolder.prepare(self.folder, socketFolder: self.socketFolder, user: self.user)
        if !FileManager.default.fileExists(atPath: "\(self.dataFolder)/PG_VERSION") { try self.initialize() }
        try self.checkVersion()
        guard self.serverProcessID == nil else { return }
        try self.removeStaleLocks()
        try self.writeConfiguration()
        let start = [
            self.programs.path("pg_ctl"), "start", "-D", self.dataFolder, "-l", self.logFile, "-w", "-t", "60", "-s",
        ]
        do {
            try ProgramRun.check(self.user.prefix + start)
        } catch {
            let log = (try? String(contentsOfFile: self.logFile, encoding: .utf8)) ?? ""
            let tail = log.split(separator: "\n").suffix(10).joined(separator: "\n")
            throw DevClusterError(
                code: .programFailed,
                message: "the private PostgreSQL in \(self.folder) did not start: \(error.message)\n\(tail)",
                cause: error)
        }
    }

    /// Stops the server and waits until it has ended. Does nothing when it doesn't run.
    package func stop(_ mode: StopMode = .fast) throws(DevClusterError) {
        guard self.serverProcessID != nil else { return }
        let stop = [
            self.programs.path("pg_ctl"), "stop", "-D", self.dataFolder, "-m", mode.rawValue, "-w", "-t", "60", "-s",
        ]
        try ProgramRun.check(self.user.prefix + stop)
    }

    /// Stops the server and removes everything of the cluster.
    package func remove() throws(DevClusterError) {
        try self.stop(.immediate)
        for path in [self.folder, self.socketFolder] where FileManager.default.fileExists(atPath: path) {
            do {
                try FileManager.default.removeItem(atPath: path)
            } catch {
                throw DevClusterError(code: .folder, message: "\(path) could not be removed: \(error)", cause: error)
            }
        }
    }

    /// The server's process id; `nil` when it doesn't run. A number in `postmaster.pid` that now belongs to another
    /// process, which happens after a restart of the machine or of a container, doesn't count.
    package var serverProcessID: Int32? {
        guard let text = try? String(contentsOfFile: "\(self.dataFolder)/postmaster.pid", encoding: .utf8),
            let number = text.split(separator: "\n").first.flatMap({ Int32($0.trimmingCharacters(in: .whitespaces)) }),
            number > 1, kill(number, 0) == 0
        else { return nil }
        // The server's working folder is its data folder. Where there is no /proc, the number has to do.
        guard FileManager.default.fileExists(atPath: "/proc/self/cwd") else { return number }
        let workingFolder = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(number)/cwd")
        let dataFolder = URL(fileURLWithPath: self.dataFolder).resolvingSymlinksInPath().path
        return workingFolder == dataFolder ? number : nil
    }

    // MARK: Statements

    /// Makes a database with encoding UTF8 unless it exists. `template` names a database to copy, which nobody may be
    /// connected to.
    package func createDatabase(
        _ name: String, encoding: String = "UTF8", template: String = "template0"
    ) throws(DevClusterError) {
        let found = try self.execute("SELECT 1 FROM pg_database WHERE datname = '\(name)'")
        guard found.isEmpty else { return }
        let locale = encoding == "UTF8" ? "" : " LC_COLLATE 'C' LC_CTYPE 'C'"
        try self.execute("CREATE DATABASE \"\(name)\" TEMPLATE \"\(template)\" ENCODING '\(encoding)'\(locale)")
    }

    /// Runs a statement as the superuser and gives back `psql`'s unaligned output without its last newline. For
    /// development and tests; the statement must not come from anybody else.
    @discardableResult
    package func execute(_ statement: String, database: String = "postgres") throws(DevClusterError) -> String {
        let conninfo = self.conninfo(role: Self.superuser, database: database)
        let psql = [
            self.programs.path("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-c",
            statement,
        ]
        return try ProgramRun.check(psql).trimmingCharacters(in: .newlines)
    }
}
