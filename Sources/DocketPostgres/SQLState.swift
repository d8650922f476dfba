/// An error code of PostgreSQL: five characters (appendix A of its manual).
package struct SQLState: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// The first two characters: the class.
    package var classCode: String { String(self.text.prefix(2)) }
    package var description: String { self.text }

    package static let uniqueViolation = SQLState("23505")
    package static let insufficientPrivilege = SQLState("42501")
    package static let duplicateObject = SQLState("42710")
    package static let serializationFailure = SQLState("40001")
    package static let deadlockDetected = SQLState("40P01")
    package static let readOnlyTransaction = SQLState("25006")
    package static let lockNotAvailable = SQLState("55P03")
    package static let queryCanceled = SQLState("57014")
    package static let adminShutdown = SQLState("57P01")
    package static let internalError = SQLState("XX000")
}

/// What a writer does about an error that the server answered a commit group with.
package enum FailureTreatment: Sendable, Equatable, CaseIterable {
    /// A batch's key is stored already: look the group's keys up, answer the known ones, commit the rest.
    case lookUpKeys
    /// A batch is older than the replay window: answer what is known, refuse what is below its producer's floor, commit
    /// the rest.
    case belowFloor
    /// Nothing is wrong with the group: send it again, a bounded number of times.
    case retry
    /// A row is at fault: halve the group down to the batch with that row, and commit that one without the row, which
    /// goes into quarantine.
    case isolate
    /// The server can't write at the moment: answer `unavailable`, so that the senders try again later.
    case unavailable
    /// The connection or the server behind it is of no use: make a new one and send the group again.
    case reconnect
    /// The installation is at fault, or the hot segment has changed: check the installation anew, and send the group
    /// again, once unless the segment has changed; then answer `unavailable`, so that nothing is lost while an operator
    /// puts it right.
    case installation

    /// The one table of what each error means for a commit group. Exact codes come before classes.
    package static func of(_ sqlstate: SQLState, constraint: String?) -> FailureTreatment {
        if sqlstate == .uniqueViolation { return constraint == "batches_key" ? .lookUpKeys : .installation }
        if let exact = self.byCode[sqlstate.text] { return exact }
        return self.byClass[sqlstate.classCode] ?? .unavailable
    }

    /// The treatment of an error of any sort.
    static func of(_ error: PostgresError) -> FailureTreatment {
        switch error.code {
        case .connectionLost: .reconnect
        case .statementFailed: error.sqlstate.map { Self.of($0, constraint: error.constraint) } ?? .unavailable
        default: .unavailable
        }
    }

    /// What single codes mean.
    static let byCode: [String: FailureTreatment] = [
        "DK001": .belowFloor,  // raised by docket.check_floors
        "40001": .retry,  // serialization_failure
        "40P01": .retry,  // deadlock_detected
        "55P03": .retry,  // lock_not_available: lock_timeout ran out
        "25006": .reconnect,  // read_only_sql_transaction: a failover left us at a standby
        "57P01": .reconnect,  // admin_shutdown, and pg_terminate_backend
        "57P02": .reconnect,  // crash_shutdown
        "57P03": .reconnect,  // cannot_connect_now
        "57P05": .reconnect,  // idle_session_timeout
        "25P03": .reconnect,  // idle_in_transaction_session_timeout
        "57014": .retry,  // query_canceled: by an operator or by statement_timeout
        "54001": .unavailable,  // statement_too_complex: stack depth; no row's fault
        "22P03": .installation,  // invalid_binary_representation: a column's type is not this version's
        "22P04": .installation,  // bad_copy_file_format: the table's columns are not this version's
        "23502": .installation,  // not_null_violation: a column of another version; every event has what it must
        "0A000": .installation,  // feature_not_supported: COPY into a leaf with row-level security
    ]

    /// What a class means whose code is not in ``byCode``.
    static let byClass: [String: FailureTreatment] = [
        "08": .reconnect,  // connection exception
        "22": .isolate,  // data exception: text that is no UTF-8, bad JSON, a value out of range
        "23": .isolate,  // integrity constraint violation
        "54": .isolate,  // program limit exceeded: a row, an index entry or a field too large
        "25": .reconnect,  // invalid transaction state
        "28": .installation,  // invalid authorization
        "3D": .installation,  // invalid catalog name
        "3F": .installation,  // invalid schema name
        "42": .installation,  // syntax error, missing privilege, missing table or column
        "53": .unavailable,  // insufficient resources: disk full, out of memory, too many connections
        "55": .unavailable,  // object not in prerequisite state
        "57": .reconnect,  // operator intervention
        "58": .unavailable,  // system error: I/O
        "F0": .unavailable,  // configuration file
        "XX": .unavailable,  // internal error, corrupted data or index
    ]
}
