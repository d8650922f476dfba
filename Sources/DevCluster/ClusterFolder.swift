import Foundation

/// Where a cluster may live, and who may enter.
enum ClusterFolder {
    /// Where clusters of root go when `postgres` can't reach the wanted folder. Only root can make a folder there, so a
    /// name that anybody can compute is no risk.
    static let fallbackFolder = "/var/lib/docket-dev"

    /// The wanted folder, or its stand-in when the server's user can't enter its parents.
    static func place(_ wanted: String, user: ServerUser) throws(DevClusterError) -> String {
        guard !user.prefix.isEmpty else { return wanted }
        var parent = URL(fileURLWithPath: wanted).deletingLastPathComponent().path
        while !FileManager.default.fileExists(atPath: parent) {
            parent = URL(fileURLWithPath: parent).deletingLastPathComponent().path
        }
        let test = try ProgramRun.run(user.prefix + ["/usr/bin/test", "-x", parent])
        return test.status == 0 ? wanted : "\(self.fallbackFolder)/\(self.name(for: wanted))"
    }

    /// The folder of the socket: inside the cluster's folder where the path allows.
    static func socketFolder(of folder: String, userID: uid_t) -> String {
        let inside = "\(folder)/run"
        guard "\(inside)/.s.PGSQL.\(DevCluster.port)".utf8.count > DevCluster.maxSocketPathBytes else { return inside }
        return "/tmp/docket-\(userID)-\(self.name(for: folder))"
    }

    /// Makes both folders, owned by the server's user and closed to everybody else.
    static func prepare(_ folder: String, socketFolder: String, user: ServerUser) throws(DevClusterError) {
        do {
            let parent = URL(fileURLWithPath: folder).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        } catch {
            throw DevClusterError(
                code: .folder, message: "the parent folder of \(folder) could not be made: \(error)", cause: error)
        }
        for path in [folder, socketFolder] { try self.prepareOne(path, user: user) }
    }

    /// Never follows a link and never takes over a folder of somebody else: the socket's folder may lie in /tmp, where
    /// anybody can put something under the name first.
    private static func prepareOne(_ path: String, user: ServerUser) throws(DevClusterError) {
        if mkdir(path, 0o700) == 0 {
            guard chown(path, user.userID, user.groupID) == 0 else {
                throw DevClusterError(
                    code: .folder, message: "\(path) could not be given to user \(user.userID): errno \(errno)")
            }
            return
        }
        let reason = errno
        var status = stat()
        guard reason == EEXIST, lstat(path, &status) == 0 else {
            throw DevClusterError(code: .folder, message: "the folder \(path) could not be made: errno \(reason)")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw DevClusterError(code: .folder, message: "\(path) is in the way: it is not a folder; remove it")
        }
        // A folder of our own that was made but not yet given away when the caller was killed.
        if status.st_uid == geteuid(), status.st_uid != user.userID {
            guard lchown(path, user.userID, user.groupID) == 0 else {
                throw DevClusterError(
                    code: .folder, message: "\(path) could not be given to user \(user.userID): errno \(errno)")
            }
        } else if status.st_uid != user.userID {
            throw DevClusterError(
                code: .folder,
                message: "\(path) belongs to user \(status.st_uid), but the private PostgreSQL runs as user "
                    + "\(user.userID); remove the folder or start docket as its owner")
        }
        guard chmod(path, 0o700) == 0 else {
            throw DevClusterError(code: .folder, message: "\(path) could not be closed to others: errno \(errno)")
        }
    }

    /// 16 hexadecimal digits that stand for a path: FNV-1a, 64 bits.
    private static func name(for path: String) -> String {
        let hash = path.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
