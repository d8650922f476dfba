import DocketClient
import DocketOperations

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
        Console.error("docket: \(self.message)")
        guard Console.isVerbose, let cause = self.cause else { return }
        Console.error("  caused by: \(cause)")
    }
}

extension CommandError {
    /// The error of a client that could not publish.
    init(_ error: ClientError) {
        let status: ExitStatus =
            switch error.code {
            case .invalidConfiguration: .configuration
            case .unavailable, .timedOut: .unavailable
            case .unauthorized: .noPermission
            case .refused, .tooLarge: .dataError
            case .shutDown: .software
            }
        self.init(status, error.message, cause: error)
    }

    /// The error of a setting.
    init(_ error: OperationsError) {
        self.init(.configuration, error.message, cause: error.cause)
    }
}
