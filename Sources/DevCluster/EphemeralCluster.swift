import Foundation
import Synchronization

/// A cluster for the length of one process: tests and benchmarks. It is removed when the process exits; what a killed
/// process left behind is removed by the next one.
package enum EphemeralCluster {
    private static let folderPrefix = "docket-cluster-"
    private static let parent = "/tmp"
    private static let clusters = Mutex<[String: DevCluster]>([:])

    /// The running cluster of this process for a name; started by the first call with it. Commits don't wait for the
    /// disk unless the settings say so: the first call's settings count.
    package static func shared(
        _ name: String = "main", settings: DevCluster.Settings? = nil
    ) throws(DevClusterError) -> DevCluster {
        try self.clusters.withLock { clusters throws(DevClusterError) in
            if let cluster = clusters[name] { return cluster }
            if clusters.isEmpty {
                self.removeLeftBehind()
                atexit { EphemeralCluster.removeAll() }
            }
            var loose = DevCluster.Settings()
            loose.isDurable = false
            let folder = "\(self.parent)/\(self.folderPrefix)\(getpid())-\(name)"
            let cluster = try DevCluster(folder: folder, settings: settings ?? loose)
            try cluster.start()
            clusters[name] = cluster
            return cluster
        }
    }

    /// Removes the clusters of this process.
    package static func removeAll() {
        self.clusters.withLock { clusters in
            for cluster in clusters.values { try? cluster.remove() }
            clusters.removeAll()
        }
    }

    /// Removes the clusters of processes that are gone. One whose number has been given to another process stays until
    /// that one is gone too.
    private static func removeLeftBehind() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: self.parent)) ?? []
        for name in names where name.hasPrefix(self.folderPrefix) {
            let number = name.dropFirst(self.folderPrefix.count).prefix { $0.isNumber }
            guard let owner = Int32(number), kill(owner, 0) != 0, errno == ESRCH else { continue }
            try? DevCluster(folder: "\(self.parent)/\(name)").remove()
        }
    }
}
