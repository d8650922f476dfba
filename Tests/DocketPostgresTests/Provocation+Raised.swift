import Testing

@testable import DocketPostgres

/// Errors whose own causes can't be had inside a commit group: the server answers them when somebody connects, ends a
/// session with them without a word to it, or raises them elsewhere. A trigger raises them instead.
extension Provocation {
    /// A trigger that raises an error for a row of docket.batches under a condition.
    static func raising(_ code: String, _ condition: String) -> String {
        """
        CREATE FUNCTION docket.fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            IF \(condition) THEN RAISE EXCEPTION 'as asked for' USING ERRCODE = '\(code)'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER fault BEFORE INSERT ON docket.batches FOR EACH ROW EXECUTE FUNCTION docket.fault()
        """
    }

    private static func once(_ code: String, _ name: String) -> Provocation {
        Provocation(code, "\(name), raised once") { bed in
            // A sequence counts on when a transaction is rolled back.
            try bed.database.connect().execute(
                "CREATE SEQUENCE docket.faults; \(self.raising(code, "nextval('docket.faults') = 1"))")
            try await bed.expectUnnoticed {}
        }
    }

    private static func forLong(_ code: String, _ name: String) -> Provocation {
        Provocation(code, "\(name), raised until it is over") { bed in
            try await bed.expectUnavailable(
                while: { try bed.database.connect().execute(self.raising(code, "true")) },
                until: { try bed.database.connect().execute("DROP TRIGGER fault ON docket.batches") })
        }
    }

    static let raisedOnce: [Provocation] = [
        .once("08006", "connection_failure"), .once("25P02", "in_failed_sql_transaction"),
        .once("25P03", "idle_in_transaction_session_timeout"), .once("40001", "serialization_failure"),
        .once("57000", "operator_intervention"), .once("57P02", "crash_shutdown"),
        .once("57P03", "cannot_connect_now"),
    ]

    static let raisedForLong: [Provocation] = [
        .forLong("25P03", "idle_in_transaction_session_timeout"),
        .forLong("28000", "invalid_authorization_specification"), .forLong("3D000", "invalid_catalog_name"),
        .forLong("53300", "too_many_connections"), .forLong("57P03", "cannot_connect_now"),
        .forLong("58030", "io_error"), .forLong("F0000", "config_file_error"),
        .forLong("XX000", "internal_error"),
    ]
}
