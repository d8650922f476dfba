import Foundation
import Synchronization

final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    /// Counts one more; returns how many there are then.
    func add() -> Int { self.value.add(1, ordering: .relaxed).newValue }
    var count: Int { self.value.load(ordering: .relaxed) }
}

/// The path of a directory that isn't there yet, and is removed with this object.
final class Folder {
    let path: String

    init() throws {
        self.path =
            FileManager.default.temporaryDirectory.appendingPathComponent("docket-journal-\(UUID().uuidString)").path
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }
}
