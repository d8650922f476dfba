import CLibpq

/// A connection to PostgreSQL: the owner of libpq's handle.
///
/// It belongs to one thread, which blocks in it; nothing here is safe to call from two. An error of a statement leaves
/// the connection usable; when it doesn't, ``isAlive`` is false and only a new connection helps.
@safe package final class PostgresConnection {
    let handle: OpaquePointer
    /// Whether libpq itself has failed: it may learn of a broken connection some calls before its status says so.
    private var isBroken = false
    /// Where it goes, without any password.
    package let settings: ConnectionSettings

    /// Connects, and waits for that.
    package init(_ settings: ConnectionSettings) throws(PostgresError) {
        try settings.validate()
        self.settings = settings
        guard let handle = unsafe Self.connect(settings.parameters) else {
            throw PostgresError(code: .connectFailed, message: "libpq has no memory for a connection")
        }
        unsafe self.handle = unsafe handle
        // libpq would print notices to standard error.
        unsafe PQsetNoticeReceiver(handle, { _, _ in }, nil)
        guard unsafe PQstatus(handle) == CONNECTION_OK else {
            let message = self.handleMessage
            let (hint, sqlstate) = self.readOnlyCause(message)
            throw PostgresError(
                code: .connectFailed, message: "no connection to PostgreSQL (\(settings)): \(message)\(hint)",
                sqlstate: sqlstate)
        }
    }

    deinit { unsafe PQfinish(self.handle) }

    /// Whether the connection is usable, as far as is known without asking the server.
    package var isAlive: Bool { !self.isBroken && (unsafe PQstatus(self.handle)) == CONNECTION_OK }

    /// Whether no transaction is open.
    package var isIdle: Bool { unsafe PQtransactionStatus(self.handle) == PQTRANS_IDLE }

    /// The server's version, such as 150018 for 15.18.
    package var serverVersion: Int { Int(unsafe PQserverVersion(self.handle)) }

    /// The server's process for this connection, as in `pg_stat_activity.pid`.
    package var backendProcessID: Int32 { unsafe PQbackendPID(self.handle) }

    /// A parameter that the server reports by itself, such as `standard_conforming_strings`.
    package func reportedParameter(_ name: String) -> String? {
        unsafe PQparameterStatus(self.handle, name).map { unsafe String(cString: $0) }
    }

    // MARK: Statements

    /// Runs statements as one simple query, which is one transaction unless they say otherwise, and drops their rows.
    package func execute(_ sql: String) throws(PostgresError) {
        try self.send(sql)
        try self.finishResults()
    }

    /// Runs one statement with parameters and gives back its rows.
    package func query(_ sql: String, _ values: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
        let result = unsafe Self.withParameters(values) { types, pointers, lengths, formats in
            unsafe PQexecParams(
                self.handle, sql, Int32(values.count), types, pointers, lengths, formats, 1)
        }
        guard let result = unsafe result else { throw self.lost() }
        let status = unsafe PQresultStatus(result)
        guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
            defer { unsafe PQclear(result) }
            throw unsafe self.error(from: result)
        }
        return unsafe PostgresRows(result)
    }

    /// Runs statements with `COPY … FROM STDIN` among them as one simple query, which is one transaction unless they say
    /// otherwise.
    ///
    /// - Parameter streams: What each COPY reads, in their order. Each chunk goes to the server as it is; together they
    ///   are the stream.
    /// - Throws: The server's error, after which nothing has been stored; or `connectionLost`, after which that is
    ///   unknown.
    package func copyIn(_ sql: String, streams: [[[UInt8]]]) throws(PostgresError) {
        try self.send(sql)
        var failure: PostgresError?
        var waiting = streams[...]
        while let result = unsafe PQgetResult(self.handle) {
            defer { unsafe PQclear(result) }
            switch unsafe PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK: break
            case PGRES_COPY_IN:
                // Once more than there are streams: libpq could not end one, and would say so for ever.
                guard let chunks = waiting.popFirst() else { throw self.lost(failure) }
                self.sendCopyData(chunks)
            default: failure = failure ?? (unsafe self.error(from: result))
            }
            // On a lost connection, PQgetResult would hand out the same failed COPY for ever.
            guard self.isAlive else { break }
        }
        guard self.isAlive else { throw self.lost(failure) }
        if let failure { throw failure }
    }

    /// libpq copies what it is given into its own buffer, which grows to the largest piece: pieces keep that small.
    private static let copyPieceBytes = 256 * 1024

    /// Failures are not thrown here: the result that follows says what the server thinks. A stream that broke off is
    /// ended as a failure, never as done: the server would take a stream cut between two tuples for a whole one.
    private func sendCopyData(_ chunks: [[UInt8]]) {
        var isWhole = true
        for chunk in chunks {
            let sent = unsafe chunk.withUnsafeBytes { bytes in
                for start in stride(from: 0, to: bytes.count, by: Self.copyPieceBytes) {
                    let piece = unsafe UnsafeRawBufferPointer(
                        rebasing: bytes[start..<min(start + Self.copyPieceBytes, bytes.count)])
                    let pointer = unsafe piece.baseAddress?.assumingMemoryBound(to: CChar.self)
                    guard unsafe PQputCopyData(self.handle, pointer, Int32(piece.count)) == 1 else { return false }
                }
                return true
            }
            isWhole = isWhole && sent
            guard isWhole else { break }
        }
        _ = unsafe PQputCopyEnd(self.handle, isWhole ? nil : "the stream broke off")
    }

    private func send(_ sql: String) throws(PostgresError) {
        guard unsafe PQsendQuery(self.handle, sql) == 1 else { throw self.lost() }
    }

    /// Takes all results, so that the connection is ready for the next statement, and throws the first error.
    private func finishResults() throws(PostgresError) {
        var failure: PostgresError?
        while let result = unsafe PQgetResult(self.handle) {
            defer { unsafe PQclear(result) }
            switch unsafe PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: break
            default: failure = failure ?? (unsafe self.error(from: result))
            }
            guard self.isAlive else { break }
        }
        guard self.isAlive else { throw self.lost(failure) }
        if let failure { throw failure }
    }

    // MARK: Errors

    private var handleMessage: String {
        let text = unsafe PQerrorMessage(self.handle).map { unsafe String(cString: $0) } ?? ""
        // libpq sets hints on lines of their own, behind a tab.
        return text.split(separator: "\n").map { $0.trimmingPrefix(while: \.isWhitespace) }.joined(separator: "; ")
    }

    /// The connection is of no use any more. What the server said last, if anything, says why.
    func lost(_ failure: PostgresError? = nil) -> PostgresError {
        self.isBroken = true
        if let failure, failure.code == .connectionLost { return failure }
        return PostgresError(
            code: .connectionLost,
            message:
                "the connection to PostgreSQL (\(self.settings)) was lost: \(failure?.message ?? self.handleMessage)",
            sqlstate: failure?.sqlstate, cause: failure)
    }

    /// The primary message and the code. The detail is left out: it quotes rows. An error without a code comes from
    /// libpq, not from the server.
    @unsafe private func error(from result: OpaquePointer) -> PostgresError {
        func field(_ name: Unicode.Scalar) -> String? {
            unsafe PQresultErrorField(result, Int32(name.value)).map { unsafe String(cString: $0) }
        }
        // PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_HINT and PG_DIAG_CONSTRAINT_NAME.
        guard let sqlstate = field("C") else { return self.lost() }
        let hint = field("H").map { "; hint: \($0)" } ?? ""
        return PostgresError(
            code: self.isAlive ? .statementFailed : .connectionLost, message: (field("M") ?? "no message") + hint,
            sqlstate: SQLState(sqlstate), constraint: field("n"))
    }

    // MARK: Calling libpq

    @unsafe private static func connect(_ parameters: [(name: String, value: String)]) -> OpaquePointer? {
        unsafe self.withCStrings(parameters.map(\.name)) { names in
            unsafe self.withCStrings(parameters.map(\.value)) { values in unsafe PQconnectdbParams(names, values, 1) }
        }
    }

    /// Begins to connect, without waiting; whoever asks for the handle finishes it.
    @unsafe static func startConnecting(_ parameters: [(name: String, value: String)]) -> OpaquePointer? {
        unsafe self.withCStrings(parameters.map(\.name)) { names in
            unsafe self.withCStrings(parameters.map(\.value)) { values in unsafe PQconnectStartParams(names, values, 1)
            }
        }
    }

    /// Pointers to NUL-terminated copies, with a null pointer behind the last.
    private static func withCStrings<Result>(
        _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        var bytes: [CChar] = []
        var offsets: [Int] = []
        for text in texts {
            offsets.append(bytes.count)
            bytes += text.utf8CString
        }
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            var pointers: [UnsafePointer<CChar>?] = unsafe offsets.map { offset in
                unsafe buffer.baseAddress.map { unsafe $0 + offset }
            }
            unsafe pointers.append(nil)
            return unsafe body(pointers)
        }
    }

    private typealias ParameterBody<Result> = (
        _ types: UnsafePointer<Oid>?, _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
        _ formats: UnsafePointer<Int32>?
    ) -> Result

    private static func withParameters<Result>(_ values: [PostgresValue], _ body: ParameterBody<Result>) -> Result {
        let encoded = values.map(\.encoded)
        // A byte in front, so that an empty value has an address too: a null pointer would be NULL.
        var bytes: [CChar] = [0]
        var offsets: [Int?] = []
        for value in encoded {
            offsets.append(value == nil ? nil : bytes.count)
            bytes += (value ?? []).map { CChar(bitPattern: $0) }
        }
        let types = values.map(\.typeID)
        let lengths = encoded.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: values.count)
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            var pointers: [UnsafePointer<CChar>?] = unsafe []
            for offset in offsets {
                guard let offset, let base = buffer.baseAddress else {
                    unsafe pointers.append(nil)
                    continue
                }
                unsafe pointers.append(base + offset)
            }
            return unsafe body(types, pointers, lengths, formats)
        }
    }
}
