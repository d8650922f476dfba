import DocketJournal

/// The files of a journal in memory.
final class MemoryDirectory: JournalDirectory {
    let path = "memory"
    var files: [String: [UInt8]] = [:]

    init(_ files: [String: [UInt8]] = [:]) { self.files = files }

    func list() throws(SystemFailure) -> [String: Int] { self.files.mapValues(\.count) }

    func create(_ name: String) throws(SystemFailure) -> any JournalFile {
        guard self.files[name] == nil else { throw .exists("open", name) }
        self.files[name] = []
        return File(self, name)
    }

    func open(_ name: String, forWriting: Bool) throws(SystemFailure) -> any JournalFile {
        guard self.files[name] != nil else { throw .missing("open", name) }
        return File(self, name)
    }

    func rename(_ name: String, to newName: String) throws(SystemFailure) {
        guard let content = self.files.removeValue(forKey: name) else { throw .missing("rename", name) }
        self.files[newName] = content
    }

    func remove(_ name: String) throws(SystemFailure) {
        guard self.files.removeValue(forKey: name) != nil else { throw .missing("unlink", name) }
    }

    func synchronize() throws(SystemFailure) {}
    func unlock() {}

    private final class File: JournalFile {
        private let directory: MemoryDirectory
        private let name: String

        init(_ directory: MemoryDirectory, _ name: String) {
            self.directory = directory
            self.name = name
        }

        func read(at offset: Int, count: Int) throws(SystemFailure) -> [UInt8] {
            let content = self.directory.files[self.name] ?? []
            return Array(content.dropFirst(offset).prefix(count))
        }

        func write(_ bytes: [UInt8], from start: Int, at offset: Int) throws(SystemFailure) -> Int {
            var content = self.directory.files[self.name] ?? []
            if content.count < offset { content += [UInt8](repeating: 0, count: offset - content.count) }
            let overlap = min(bytes.count - start, content.count - offset)
            content.replaceSubrange(offset..<offset + overlap, with: bytes[start...])
            self.directory.files[self.name] = content
            return bytes.count - start
        }

        func truncate(to bytes: Int) throws(SystemFailure) {
            let content = self.directory.files[self.name] ?? []
            self.directory.files[self.name] = Array(content.prefix(bytes))
        }

        func synchronize() throws(SystemFailure) {}
    }
}
