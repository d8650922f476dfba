/// The files of a journal: what it asks of the system. Tests put faults and crashes in its place.
package protocol JournalDirectory: AnyObject {
    /// Where it is, for messages.
    var path: String { get }
    /// The names of the files, with their sizes in bytes; in any order.
    func list() throws(SystemFailure) -> [String: Int]
    /// Makes a file, which must not be there, and opens it for reading and writing.
    func create(_ name: String) throws(SystemFailure) -> any JournalFile
    func open(_ name: String, forWriting: Bool) throws(SystemFailure) -> any JournalFile
    /// Gives a file another name, in place of a file that has it.
    func rename(_ name: String, to newName: String) throws(SystemFailure)
    func remove(_ name: String) throws(SystemFailure)
    /// Makes creations, renames and removals durable.
    func synchronize() throws(SystemFailure)
    /// Lets another owner in. Nothing else is called afterwards.
    func unlock()
}

/// An open file of a journal. It is closed when the last reference goes.
package protocol JournalFile: AnyObject {
    /// Reads at most `count` bytes; fewer at the file's end only.
    func read(at offset: Int, count: Int) throws(SystemFailure) -> [UInt8]
    /// Writes as much of `bytes[start...]` as the system takes at once: at least a byte.
    func write(_ bytes: [UInt8], from start: Int, at offset: Int) throws(SystemFailure) -> Int
    func truncate(to bytes: Int) throws(SystemFailure)
    /// Makes content and size durable.
    func synchronize() throws(SystemFailure)
}

extension JournalFile {
    /// Writes everything, however often the system takes but a part.
    func writeAll(_ bytes: [UInt8], at offset: Int) throws(SystemFailure) {
        var start = 0
        while start < bytes.count { start += try self.write(bytes, from: start, at: offset + start) }
    }
}

extension JournalDirectory {
    /// A whole file.
    func contents(_ name: String, bytes: Int) throws(SystemFailure) -> [UInt8] {
        try self.open(name, forWriting: false).read(at: 0, count: bytes)
    }
}
