import DocketOperations
import DocketRuntime
import Foundation
import Testing

@testable import docket

@Suite("Writing to standard output")
struct ConsoleTests {
    @Test("fails with 74 where the disk is full")
    func fullDisk() throws {
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        try #require(full >= 0)
        defer { close(full) }
        let error = try #require(throws: CommandError.self) { try Console.write("text", to: full) }
        #expect(error.exitCode == .ioError)
        #expect(error.message.contains("No space left"))
    }

    @Test("ends quietly where nobody reads any more")
    func closedPipe() throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        defer { close(ends[1]) }
        #expect(throws: OutputClosed.self) { try Console.write("text", to: ends[1]) }
    }

    @Test("waits for a slow reader of a non-blocking pipe, and loses nothing")
    func nonBlocking() async throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        try #require(fcntl(writing, F_SETFL, O_NONBLOCK) == 0)
        let text = String(repeating: "0123456789", count: 50_000)
        let reader = Thread.reading(reading)
        try Console.write(text, to: writing)
        close(writing)
        var received = ""
        for await part in reader { received += part }
        #expect(received == text)
    }
}

extension Thread {
    /// What comes out of a descriptor until its end, read by a thread of its own.
    fileprivate static func reading(_ descriptor: Int32) -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        Thread.detachNewThread {
            let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            continuation.yield(String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self))
            continuation.finish()
        }
        return stream
    }
}

@Suite("A command's error")
struct CommandErrorTests {
    @Test("shows its causes only when asked")
    func causes() {
        let error = CommandError(.ioError, "it broke", cause: CommandError(.software, "a screw"))
        #expect(error.lines(isVerbose: false) == ["docket: it broke"])
        #expect(error.lines(isVerbose: true) == ["docket: it broke", "  caused by: a screw"])
    }

    @Test("escapes what a peer sent, and indents its further lines")
    func escapes() {
        let error = CommandError(.dataError, "refused: \u{1B}[31mred\n\tdocket: forged\r\u{202E}x")
        #expect(
            error.lines(isVerbose: false) == [
                "docket: refused: \\u{1B}[31mred", "  docket: forged", "  \\u{202E}x",
            ])
    }
}

@Suite("A secret file")
struct SecretFileTests {
    @Test("is its owner's alone, even where one that all could read was there")
    func mode() throws {
        let scratch = try Scratch()
        let path = try scratch.file("profile.json", "old".utf8)
        chmod(path, 0o644)
        try Profile(address: "127.0.0.1:7480", token: "secret", tenant: nil).write(to: path)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(try Profile(contentsOf: path).token == "secret")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folder) == ["profile.json"])
    }

    @Test("is whole whoever else writes it at the same time, and nothing is left beside it")
    func writers() async throws {
        let scratch = try Scratch()
        let path = "\(scratch.folder)/profile.json"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 1...4 {
                group.addTask {
                    let content = Data(repeating: UInt8(writer), count: writer * 1_000)
                    for _ in 1...25 { try SecretFile.write(content, to: path) }
                }
            }
            try await group.waitForAll()
        }
        let content = try Data(contentsOf: URL(fileURLWithPath: path))
        let writer = try #require(content.first)
        #expect(content == Data(repeating: writer, count: Int(writer) * 1_000))
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folder) == ["profile.json"])
    }

    @Test("says where it can't be written")
    func noFolder() throws {
        let error = try #require(throws: OperationsError.self) {
            try SecretFile.write(Data(), to: "/nonexistent/profile.json")
        }
        #expect(CommandError(error).exitCode == .cannotCreate)
        #expect(error.message.contains("/nonexistent/profile.json"))
    }
}
