import DocketTestSupport
import Foundation
import Testing

@testable import DocketJournal

@Suite("A process with a journal")
struct KilledProcessTests {
    @Test("that is killed loses nothing that it was told is in the journal")
    func killed() async throws {
        let folder = try Folder()
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = folder.path as String] in
            try await appendUntilKilled(path)
        }
        let told = try String(contentsOfFile: "\(folder.path).told", encoding: .utf8).split(separator: "\n")
        #expect(told.count >= 300)
        let journal = try await Journal.open(folder.path)
        let records = try await journal.read(after: 0, maxBytes: .max)
        #expect(records.map(\.index) == Array(1...UInt64(records.count)))
        for line in told {
            let numbers = line.split(separator: " ").compactMap { Int($0) }
            #expect(numbers.count == 2 && numbers[0] <= records.count)
            #expect(records[numbers[0] - 1].payload == Samples.payload(numbers[1]))
        }
        #expect(journal.recovery.findings.allSatisfy { $0.kind == .tornTail })
        try await journal.close()
        try FileManager.default.removeItem(atPath: "\(folder.path).told")
    }
}

/// Appends from several tasks, notes in a file beside the journal what it was told is there, and ends the process amid that.
private func appendUntilKilled(_ path: String) async throws {
    let told = open("\(path).told", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    let journal = try await Journal.open(path)
    let count = Counter()
    await withTaskGroup(of: Void.self) { group in
        for task in 0..<8 {
            group.addTask {
                for number in 0...1000 {
                    let payload = Samples.payload(task * 1000 + number)
                    guard let index = try? await journal.append(.batch, payload) else { return }
                    let line = Array("\(index) \(task * 1000 + number)\n".utf8)
                    _ = line.withUnsafeBytes { write(told, $0.baseAddress, $0.count) }
                    if count.add() == 300 { kill(getpid(), SIGKILL) }
                }
            }
        }
    }
}
