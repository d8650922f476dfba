import Foundation

/// Where PostgreSQL's server programs are, and as which system user they run.
package struct PostgresPrograms: Sendable, Equatable {
    /// The folder that holds `initdb`, `pg_ctl`, `postgres` and `psql`.
    package let binFolder: String

    /// The programs in a folder.
    package init(binFolder: String) { self.binFolder = binFolder }

    /// Looks in `PGBIN`, then in Debian's `/usr/lib/postgresql/<version>/bin` (newest first), then in `PATH`.
    package static func find(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        debianFolder: String = "/usr/lib/postgresql"
    ) throws(DevClusterError) -> PostgresPrograms {
        if let folder = environment["PGBIN"], !folder.isEmpty {
            guard self.isComplete(folder) else {
                throw DevClusterError(
                    code: .noPrograms,
                    message: "PGBIN is \(folder), but initdb, pg_ctl, postgres and psql are not all there")
            }
            return PostgresPrograms(binFolder: folder)
        }
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: debianFolder)) ?? []
        let newestFirst = versions.compactMap { Int($0) }.sorted(by: >).map { "\(debianFolder)/\($0)/bin" }
        let searched = newestFirst + (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        guard let folder = searched.first(where: { self.isComplete($0) }) else {
            throw DevClusterError(
                code: .noPrograms,
                message: "PostgreSQL's server programs were not found in \(debianFolder)/*/bin or PATH; "
                    + "install them (Debian: apt-get install postgresql-15) or set PGBIN to their folder")
        }
        return PostgresPrograms(binFolder: folder)
    }

    /// The path of one program.
    package func path(_ program: String) -> String { "\(self.binFolder)/\(program)" }

    private static func isComplete(_ folder: String) -> Bool {
        ["initdb", "pg_ctl", "postgres", "psql"].allSatisfy {
            FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)")
        }
    }
}

/// The system user that PostgreSQL's programs run as: the caller, or `postgres` when the caller is root, whom
/// PostgreSQL refuses.
struct ServerUser: Sendable, Equatable {
    /// The user id that owns the data folder.
    let userID: uid_t
    let groupID: gid_t
    /// What goes before a command line so that it runs as this user; empty when that is the caller.
    let prefix: [String]

    /// The user for a caller with the given effective user id.
    static func current(callerID: uid_t = geteuid()) throws(DevClusterError) -> ServerUser {
        guard callerID == 0 else { return ServerUser(userID: callerID, groupID: getegid(), prefix: []) }
        guard let ids = self.lookUp("postgres") else {
            throw DevClusterError(
                code: .noSystemUser,
                message: "PostgreSQL does not run as root, and there is no system user postgres to run it as; "
                    + "create one (adduser --system --group postgres) or start docket as an ordinary user")
        }
        return ServerUser(userID: ids.user, groupID: ids.group, prefix: try self.switchingPrefix())
    }

    private static func lookUp(_ name: String) -> (user: uid_t, group: gid_t)? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 * 1024)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return (entry.pw_uid, entry.pw_gid)
    }

    /// Both programs are part of Debian's essential util-linux; runuser alone also exists in smaller systems.
    private static func switchingPrefix() throws(DevClusterError) -> [String] {
        let isExecutable = FileManager.default.isExecutableFile(atPath:)
        for folder in ["/usr/bin", "/bin", "/usr/sbin", "/sbin"] where isExecutable("\(folder)/setpriv") {
            return ["\(folder)/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
        }
        for folder in ["/usr/sbin", "/sbin", "/usr/bin", "/bin"] where isExecutable("\(folder)/runuser") {
            return ["\(folder)/runuser", "-u", "postgres", "--"]
        }
        throw DevClusterError(
            code: .noSystemUser,
            message: "neither setpriv nor runuser was found to run PostgreSQL as the user postgres; install util-linux")
    }
}
