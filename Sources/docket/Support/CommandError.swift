import DevCluster
import DocketClient
import DocketEventTypes
import DocketJournal
import DocketOperations
import DocketPostgres
import DocketStore
import DocketTerminal
import DocketTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Why a command failed: one line for the user, the chain of causes for `--verbose`, and an exit code of sysexits(3).
struct CommandError: Error, CustomStringConvertible {
    /// The codes of sysexits(3) that Docket uses.
    enum ExitStatus: Int32 {
        case usage = 64
        case dataError = 65
        case noInput = 66
        case unavailable = 69
        case software = 70
        case osError = 71
        case cannotCreate = 73
        case ioError = 74
        case temporaryFailure = 75
        case noPermission = 77
        case configuration = 78
    }

    let exitCode: ExitStatus
    let message: String
    let cause: (any Error)?

    init(_ exitCode: ExitStatus, _ message: String, cause: (any Error)? = nil) {
        self.exitCode = exitCode
        self.message = message
        self.cause = cause
    }

    var description: String { self.message }

    /// Writes the message to standard error; with `--verbose` its causes too.
    func report() {
        for line in self.lines(isVerbose: Console.isVerbose) { Console.error(line) }
    }

    /// What ``report()`` writes. Messages hold text of peers and files: what a terminal would act on is escaped, and
    /// lines after the first are indented, so that none passes for a message of its own.
    func lines(isVerbose: Bool) -> [String] {
        var text = "docket: \(self.message)"
        if isVerbose, let cause = self.cause { text += "\ncaused by: \(cause)" }
        let lines = text.split(whereSeparator: \.isNewline).map {
            TerminalText.escaped($0.drop(while: \.isWhitespace))
        }
        return lines.prefix(1) + lines.dropFirst().map { "  " + $0 }
    }
}

extension CommandError {
    /// The error of what a command has run; `nil` when no layer of Docket throws its like.
    init?(thrown error: any Error) {
        switch error {
        case let error as CommandError: self = error
        case let error as EventTypeError: self.init(.dataError, error.message, cause: error.cause)
        case let error as JournalError: self.init(error)
        case let error as OperationsError: self.init(error)
        case let error as PostgresError: self.init(error)
        case let error as StoreError: self.init(.unavailable, error.message, cause: error.cause)
        case let error as TransportError: self.init(error)
        default: return nil
        }
    }

    /// The error of a client that could not publish.
    init(_ error: ClientError) {
        let status: ExitStatus =
            switch error.code {
            case .invalidConfiguration: .configuration
            case .unavailable, .timedOut: .unavailable
            case .unauthorized: .noPermission
            case .refused, .rejected, .tooLarge: .dataError
            case .queueFull, .evicted: .temporaryFailure
            case .journal: .ioError
            case .shutDown: .software
            }
        self.init(status, error.message, cause: error)
    }

    /// The error of a journal.
    init(_ error: JournalError) {
        let status: ExitStatus =
            switch error.code {
            case .invalidOptions: .configuration
            case .inUse, .full, .overloaded: .temporaryFailure
            case .unusableDirectory: .noInput
            case .unsupported, .damaged, .tooLarge: .dataError
            case .failed: .ioError
            case .closed: .software
            }
        self.init(status, error.message, cause: error.cause)
    }

    /// The error of a setting, of the pages, or of a file.
    init(_ error: OperationsError) {
        let status: ExitStatus =
            switch error.code {
            case .invalidConfiguration: .configuration
            case .bind: .osError
            case .unreadable: .noInput
            case .cannotCreate: .cannotCreate
            case .writeFailed: .ioError
            }
        self.init(status, error.message, cause: error.cause)
    }

    /// The error of a server that can't be set up.
    init(_ error: TransportError) {
        let status: ExitStatus =
            switch error.code {
            case .configuration, .tls: .configuration
            case .bind, .connect, .closed: .osError
            }
        self.init(status, error.message, cause: error.cause)
    }

    /// The error of the database.
    init(_ error: PostgresError) {
        var (status, remedy): (ExitStatus, String) = (.unavailable, "")
        switch error.code {
        case .unfit, .invalidSettings, .migration: status = .configuration
        case .refused: status = .dataError
        case .leaseLost: status = .temporaryFailure
        case .connectFailed where error.sqlstate == .readOnlyTransaction:
            (status, remedy) = (.noPermission, "; connect as \(Roles.maintainer)")
        case .statementFailed:
            switch error.sqlstate?.text {
            case "42501": (status, remedy) = (.noPermission, "; connect as \(Roles.maintainer)")
            // An undefined table, column or schema: the schema is older than this program.
            case "42P01", "42703", "3F000": (status, remedy) = (.configuration, "; run docket migrate")
            default: break
            }
        default: break
        }
        self.init(status, error.message + remedy, cause: error.cause)
    }

    /// The error of the private PostgreSQL.
    init(_ error: DevClusterError) {
        self.init(.osError, error.message, cause: error.cause)
    }

    /// An error with the message of the newest failed call of the system (`errno`).
    static func ofSystem(_ status: ExitStatus, _ message: String) -> CommandError {
        CommandError(status, "\(message): \(String(cString: strerror(errno)))")
    }
}
