import CLibpq
import DocketThreads

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a server says that doesn't let a connection in. libpq keeps the code of such an answer to itself, unless it is asked to show
/// nothing else in its message.
enum ConnectionRefusal {
    /// How long the server may take from one step to the next, in milliseconds.
    private static let stepMilliseconds: Int32 = 5_000

    /// The code; `nil` when nobody answers, or the connection is let in.
    static func sqlstate(of settings: ConnectionSettings) async -> SQLState? {
        await withCheckedContinuation { continuation in
            do throws(PostgresError) {
                try OwnedThread.start(name: "connection-refusal") {
                    continuation.resume(returning: Self.ask(settings))
                }
            } catch {
                continuation.resume(returning: nil)
            }
        }
    }

    private static func ask(_ settings: ConnectionSettings) -> SQLState? {
        guard let handle = unsafe PostgresConnection.startConnecting(settings.parameters) else { return nil }
        defer { unsafe PQfinish(handle) }
        _ = unsafe PQsetErrorVerbosity(handle, PQERRORS_SQLSTATE)
        // libpq is asked for the first time when the socket can be written to: on one that isn't connected yet it would fail, and
        // never try the next host.
        var polling = PGRES_POLLING_WRITING
        while unsafe PQstatus(handle) != CONNECTION_BAD {
            let events: Int32
            switch polling {
            case PGRES_POLLING_READING: events = POLLIN
            case PGRES_POLLING_WRITING: events = POLLOUT
            case PGRES_POLLING_OK: return nil
            default: return unsafe Self.sqlstate(in: PQerrorMessage(handle).map { unsafe String(cString: $0) } ?? "")
            }
            var wanted = pollfd(fd: unsafe PQsocket(handle), events: Int16(events), revents: 0)
            guard unsafe poll(&wanted, 1, Self.stepMilliseconds) > 0 else { return nil }
            polling = unsafe PQconnectPoll(handle)
        }
        return unsafe Self.sqlstate(in: PQerrorMessage(handle).map { unsafe String(cString: $0) } ?? "")
    }

    /// The code that a message ends with: `connection to server … failed: FATAL:  28P01`. With several hosts the last one's counts.
    static func sqlstate(in message: String) -> SQLState? {
        guard let last = message.split(whereSeparator: { $0.isNewline || $0 == " " }).last, last.utf8.count == 5,
            last.utf8.allSatisfy({ character in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(character)
            })
        else { return nil }
        return SQLState(String(last))
    }
}
