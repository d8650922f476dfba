import ArgumentParser
import DocketJournal
import DocketTerminal
import Foundation
import Testing

@testable import docket

@Suite("The command journal")
struct JournalCommandTests {
    /// A journal of three batches of one producer, whose first one is acknowledged.
    private func journal(in scratch: Scratch) async throws -> String {
        let path = "\(scratch.folder)/journal"
        let journal = try await Journal.open(path)
        for sequence: Int64 in 7...9 {
            var payload: [UInt8] = []
            JournalBatchKey(producerHigh: 1, producerLow: 2, sequence: sequence).append(to: &payload)
            _ = try await journal.append(.batch, payload + [1, 2, 3])
        }
        journal.acknowledge(1)
        try await journal.close()
        return path
    }

    @Test("sets damaged segments aside only when it may repair")
    func arguments() throws {
        #expect(throws: Never.self) { try JournalCommand.Check.parse(["x", "--repair", "--set-aside"]) }
        #expect(throws: (any Error).self) { try JournalCommand.Check.parse(["x", "--set-aside"]) }
        #expect(throws: (any Error).self) { try JournalCommand.Check.parse([]) }
        #expect(throws: (any Error).self) { try JournalCommand.Inspect.parse([]) }
    }

    @Test("inspect shows segments, producers and sums")
    func inspect() async throws {
        let scratch = try Scratch()
        let path = try await self.journal(in: scratch)
        let text = JournalText.text(try JournalInspection(path: path), width: nil, style: .plain)
        let lines = text.split(separator: "\n")
        #expect(lines[0] == "SEGMENT  STATE  RECORDS  UNACKNOWLEDGED   SIZE  FIRST  LAST  CREATED (UTC)")
        #expect(lines[1].hasPrefix("      1  sound        3               2  245 B      1     3  20"))
        #expect(
            lines[2] == "PRODUCER                              BATCHES  UNACKNOWLEDGED  FIRST SEQUENCE  LAST SEQUENCE")
        #expect(
            lines[3] == "00000000-0000-0001-0000-000000000002        3               2               7              9")
        #expect(lines[4] == "2 of 3 records aren't acknowledged (all up to 1 are); the next one is 4")
    }

    @Test("inspect --json says the same to programs")
    func json() async throws {
        let scratch = try Scratch()
        let path = try await self.journal(in: scratch)
        let json = JournalText.json(try JournalInspection(path: path))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(object["sound"] as? Bool == true)
        #expect(object["unacknowledged"] as? Int == 2)
        #expect(object["acknowledged_through"] as? Int == 1)
        #expect(object["next_index"] as? Int == 4)
        let segment = try #require((object["segments"] as? [[String: Any]])?.first)
        #expect(segment["first_index"] as? Int == 1)
        #expect(segment["last_index"] as? Int == 3)
        #expect(segment["bytes"] as? Int == 245)
        let producer = try #require((object["producers"] as? [[String: Any]])?.first)
        #expect(producer["producer_id"] as? String == "00000000-0000-0001-0000-000000000002")
        #expect(producer["last_sequence"] as? Int == 9)
    }

    @Test("fsck ends with 65 and the place of the damage, and with 0 once it is set aside")
    func check() async throws {
        let scratch = try Scratch()
        let path = try await self.journal(in: scratch)
        #expect(
            JournalText.text(try JournalCheck(path: path, repair: .nothing)) == "sound: 3 whole records in 1 segments\n"
        )
        let segment = URL(fileURLWithPath: "\(path)/00000000000000000001.segment")
        var bytes = try Data(contentsOf: segment)
        bytes[150] ^= 1
        try bytes.write(to: segment)
        let damaged = JournalText.text(try JournalCheck(path: path, repair: .tornTail))
        #expect(
            damaged == """
                damaged: segment 1 is damaged: the header of record 2 is not whole (offset 135)
                damaged: 1 whole records in 1 segments

                """)
        let exit = #expect(throws: ExitCode.self) { try JournalCommand.Check.parse([path, "--json"]).run() }
        #expect(exit?.rawValue == 65)
        let mended = JournalText.text(try JournalCheck(path: path, repair: .tornTailAndDamage))
        #expect(mended.hasSuffix("set segment 1 aside\nsound: 1 whole records in 1 segments\n"))
        #expect(throws: Never.self) { try JournalCommand.Check.parse([path]).run() }
    }

    @Test("what a journal refuses ends with a code of its own")
    func errors() async throws {
        let scratch = try Scratch()
        let path = try await self.journal(in: scratch)
        let journal = try await Journal.open(path)
        let inUse = #expect(throws: JournalError.self) { try JournalCheck(path: path, repair: .nothing) }
        #expect(inUse.flatMap { CommandError(thrown: $0) }?.exitCode == .temporaryFailure)
        try await journal.close()
        let missing = #expect(throws: JournalError.self) { try JournalInspection(path: "\(path)/none") }
        #expect(missing.flatMap { CommandError(thrown: $0) }?.exitCode == .noInput)
    }
}
