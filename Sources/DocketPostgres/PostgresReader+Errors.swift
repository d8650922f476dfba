import DocketStore

extension PostgresReader {
    /// What a failure of reading is to whoever has asked.
    static func storeError(_ error: PostgresError, timeoutMilliseconds: Int) -> StoreError {
        switch error.code {
        case .overloaded:
            StoreError(code: .overloaded, message: "\(error)", retryAfterMilliseconds: 1000, cause: error)
        case .closed: StoreError(code: .shuttingDown, message: "\(error)", cause: error)
        case .unexpectedAnswer: StoreError(code: .internal, message: "\(error)", cause: error)
        case .statementFailed where error.sqlstate == .queryCanceled:
            StoreError(
                code: .unavailable,
                message:
                    "reading took longer than \(timeoutMilliseconds) ms; ask for a shorter time range, or try again",
                cause: error)
        default: StoreError(code: .unavailable, message: "PostgreSQL can't be read from: \(error)", cause: error)
        }
    }
}
