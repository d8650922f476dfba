import DocketTestSupport
import Synchronization

@testable import DocketJournal

/// A disk that fails and crashes as disks do.
///
/// - What isn't synced is kept or lost sector by sector when the machine crashes; where nothing was before, what is lost reads as zeros,
///   or the file is shorter.
/// - A sync that fails drops what it should have written, and the next one doesn't try again: as Linux does.
/// - Names that weren't synced come back in the order in which they were changed, up to some point.
final class SimulatedDisk: JournalDirectory, Sendable {
    struct File: Sendable {
        var current: [UInt8] = []
        var durable: [UInt8] = []
        /// Sectors that a failed sync has dropped.
        var dropped: Set<Int> = []

        mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
            if self.current.count < offset { self.current += [UInt8](repeating: 0, count: offset - self.current.count) }
            let overlap = min(bytes.count, self.current.count - offset)
            self.current.replaceSubrange(offset..<offset + overlap, with: bytes)
            guard !bytes.isEmpty else { return }
            for sector in offset / sectorBytes...(offset + bytes.count - 1) / sectorBytes {
                self.dropped.remove(sector)
            }
        }

        func sector(_ number: Int, of bytes: [UInt8], upTo end: Int) -> [UInt8] {
            (number * sectorBytes..<min(end, (number + 1) * sectorBytes)).map { $0 < bytes.count ? bytes[$0] : 0 }
        }

        mutating func synchronize() {
            self.durable = self.content(ofLength: self.current.count) { !self.dropped.contains($0) }
        }

        mutating func drop() {
            for sector in 0..<(self.current.count + sectorBytes - 1) / sectorBytes
            where self.sector(sector, of: self.current, upTo: self.current.count)
                != self.sector(sector, of: self.durable, upTo: self.current.count)
            {
                self.dropped.insert(sector)
            }
        }

        /// Each sector as it is now, or as it was synced.
        func content(ofLength length: Int, isNew: (Int) -> Bool) -> [UInt8] {
            (0..<(length + sectorBytes - 1) / sectorBytes).flatMap { number in
                self.sector(number, of: isNew(number) ? self.current : self.durable, upTo: length)
            }
        }

        func crashed(_ generator: inout SeededGenerator) -> [UInt8] {
            let lengths = [self.durable.count, self.current.count].sorted()
            let length = generator.oneIn(2) ? lengths[1] : Int.random(in: lengths[0]...lengths[1], using: &generator)
            let sectors = (length + sectorBytes - 1) / sectorBytes
            // Now and then all old, all new, or a mixture.
            let mode = Int.random(in: 0...3, using: &generator)
            let isNew = (0..<sectors).map { sector in
                !self.dropped.contains(sector) && (mode == 0 || mode > 1 && generator.oneIn(2))
            }
            return self.content(ofLength: length) { isNew[$0] }
        }
    }

    /// What goes wrong.
    struct Faults: Sendable {
        /// How much more room there is; `nil` for plenty.
        var freeBytes: Int?
        /// How many of the next calls fail.
        var failingSyncs = 0
        var failingDirectorySyncs = 0
        var failingWrites = 0
        var failingTruncations = 0
        var failingRemovals = 0
        /// The most that a write takes at once.
        var maxWriteBytes = Int.max
        /// Any call fails in one of so many cases.
        var anyOneIn: Int?
    }

    struct State: Sendable {
        var files: [Int: File] = [:]
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        var changes: [[String: Int?]] = []
        var nextFile = 0
        var faults = Faults()
        var generator = SeededGenerator(seed: 0)
        var syncs = 0
        var peakBytes = 0

        var bytes: Int { self.names.values.reduce(0) { $0 + (self.files[$1]?.current.count ?? 0) } }

        mutating func change(_ changes: [String: Int?]) {
            for (name, file) in changes { self.names[name] = file }
            self.changes.append(changes)
            self.peakBytes = max(self.peakBytes, self.bytes)
        }

        /// - Throws: what a counter of faults, or chance, says.
        mutating func check(_ counter: WritableKeyPath<Faults, Int>?, _ operation: String) throws(SystemFailure) {
            if let counter, self.faults[keyPath: counter] > 0 {
                self.faults[keyPath: counter] -= 1
                throw .brokenDisk(operation, "simulated")
            }
            if let cases = self.faults.anyOneIn, self.generator.oneIn(cases) {
                throw .brokenDisk(operation, "simulated")
            }
        }
    }

    let state: Mutex<State>
    /// Whoever holds it keeps others from writing.
    let gate = Mutex(())

    init(_ state: State = State()) { self.state = Mutex(state) }

    /// A disk that holds these files for good.
    convenience init(files: [String: [UInt8]]) {
        var state = State()
        for (name, bytes) in files {
            state.files[state.nextFile] = File(current: bytes, durable: bytes)
            state.names[name] = state.nextFile
            state.nextFile += 1
        }
        state.durableNames = state.names
        self.init(state)
    }

    var contents: [String: [UInt8]] {
        self.state.withLock { state in state.names.mapValues { state.files[$0]?.current ?? [] } }
    }
    var peakBytes: Int { self.state.withLock(\.peakBytes) }
    var syncs: Int { self.state.withLock(\.syncs) }

    func set(_ change: (inout Faults) -> Void) { self.state.withLock { change(&$0.faults) } }

    /// What is there after the machine has crashed.
    func crashed(_ generator: inout SeededGenerator) -> SimulatedDisk {
        let state = self.state.withLock { $0 }
        var names = state.durableNames
        for change in state.changes.prefix(Int.random(in: 0...state.changes.count, using: &generator)) {
            for (name, file) in change { names[name] = file }
        }
        var files: [String: [UInt8]] = [:]
        for (name, file) in names.sorted(by: { $0.key < $1.key }) {
            files[name] = state.files[file]?.crashed(&generator) ?? []
        }
        return SimulatedDisk(files: files)
    }

    // MARK: The directory

    let path = "/simulated"

    func list() throws(SystemFailure) -> [String: Int] { self.contents.mapValues(\.count) }

    func create(_ name: String) throws(SystemFailure) -> any JournalFile {
        try self.withState { state throws(SystemFailure) in
            try state.check(nil, "open")
            guard state.names[name] == nil else { throw .exists("open", name) }
            state.nextFile += 1
            state.files[state.nextFile] = File()
            state.change([name: state.nextFile])
            return SimulatedFile(disk: self, file: state.nextFile)
        }
    }

    func open(_ name: String, forWriting: Bool) throws(SystemFailure) -> any JournalFile {
        try self.withState { state throws(SystemFailure) in
            guard let file = state.names[name] else { throw .missing("open", name) }
            return SimulatedFile(disk: self, file: file)
        }
    }

    func rename(_ name: String, to newName: String) throws(SystemFailure) {
        try self.withState { state throws(SystemFailure) in
            try state.check(nil, "rename")
            guard let file = state.names[name] else { throw .missing("rename", name) }
            state.change([name: nil as Int?, newName: file])
        }
    }

    func remove(_ name: String) throws(SystemFailure) {
        try self.withState { state throws(SystemFailure) in
            try state.check(\.failingRemovals, "unlink")
            guard state.names[name] != nil else { throw .missing("unlink", name) }
            state.change([name: nil as Int?])
        }
    }

    func synchronize() throws(SystemFailure) {
        try self.withState { state throws(SystemFailure) in
            state.syncs += 1
            try state.check(\.failingDirectorySyncs, "fsync")
            state.durableNames = state.names
            state.changes = []
        }
    }

    func unlock() {}

    func withState<Result>(_ body: (inout State) throws(SystemFailure) -> Result) throws(SystemFailure) -> Result {
        var outcome: Swift.Result<Result, SystemFailure>?
        self.state.withLock { state in
            do throws(SystemFailure) { outcome = .success(try body(&state)) } catch { outcome = .failure(error) }
        }
        guard let outcome else { preconditionFailure("the body was not run") }
        return try outcome.get()
    }
}

final class SimulatedFile: JournalFile {
    private let disk: SimulatedDisk
    private let file: Int

    init(disk: SimulatedDisk, file: Int) {
        self.disk = disk
        self.file = file
    }

    private func with<Result>(
        _ body: (inout SimulatedDisk.File, inout SimulatedDisk.State) throws(SystemFailure) -> Result
    ) throws(SystemFailure) -> Result {
        try self.disk.withState { state throws(SystemFailure) in
            guard var file = state.files[self.file] else { throw .missing("use", "simulated") }
            defer {
                state.files[self.file] = file
                state.peakBytes = max(state.peakBytes, state.bytes)
            }
            return try body(&file, &state)
        }
    }

    func read(at offset: Int, count: Int) throws(SystemFailure) -> [UInt8] {
        try self.with { file, _ throws(SystemFailure) in
            Array(file.current[min(offset, file.current.count)..<min(offset + count, file.current.count)])
        }
    }

    func write(_ bytes: [UInt8], from start: Int, at offset: Int) throws(SystemFailure) -> Int {
        self.disk.gate.withLock { _ in }
        return try self.with { file, state throws(SystemFailure) in
            try state.check(\.failingWrites, "write")
            var count = min(bytes.count - start, state.faults.maxWriteBytes)
            let growth = max(0, offset + count - file.current.count)
            if let free = state.faults.freeBytes {
                count -= max(0, growth - free)
                guard count > 0 else { throw .noSpace("write", "simulated") }
                state.faults.freeBytes = free - min(growth, free)
            }
            file.write(bytes[start..<start + count], at: offset)
            return count
        }
    }

    func truncate(to bytes: Int) throws(SystemFailure) {
        try self.with { file, state throws(SystemFailure) in
            try state.check(\.failingTruncations, "truncate")
            if let free = state.faults.freeBytes { state.faults.freeBytes = free + max(0, file.current.count - bytes) }
            file.current.removeLast(max(0, file.current.count - bytes))
        }
    }

    func synchronize() throws(SystemFailure) {
        try self.with { file, state throws(SystemFailure) in
            state.syncs += 1
            do throws(SystemFailure) {
                try state.check(\.failingSyncs, "sync")
            } catch {
                file.drop()
                throw error
            }
            file.synchronize()
        }
    }
}

private let sectorBytes = 512
