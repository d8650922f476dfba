import Foundation
import Logging

/// How many files and sockets the process may have open.
enum OpenFiles {
    /// What else than connections of clients the process has open: the database, pages, logs, libraries.
    private static let reserve: UInt64 = 256

    /// Raises the soft limit to the hard one, and says so when even that is less than the connections that are allowed.
    static func raiseLimit(connections: Int, logger: Logger) {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        guard UInt64(limit.rlim_cur) < UInt64(connections) + Self.reserve else { return }
        logger.warning(
            "the limit of open files is less than the connections allowed need; raise LimitNOFILE, or lower grpc.max_connections",
            metadata: [
                "open_files": "\(limit.rlim_cur)", "max_connections": "\(connections)",
                "needed": "\(UInt64(connections) + Self.reserve)",
            ])
    }
}
