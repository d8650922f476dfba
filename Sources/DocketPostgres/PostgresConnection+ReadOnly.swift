import CLibpq

extension PostgresConnection {
    /// What libpq leaves to guess about a server that it passed by because nothing can be written there: a standby, or a role that may
    /// only read. The server has reported which, but a pooler in between may not.
    ///
    /// - Parameter message: why there is no connection, by libpq.
    /// - Returns: what to say besides, and `25006` when it is the role.
    func readOnlyCause(_ message: String) -> (hint: String, sqlstate: SQLState?) {
        guard self.settings.needsWritableServer, message.contains("read-only") else { return ("", nil) }
        // The needed role itself is read-only when the server is: that isn't the role's fault.
        let neededRole = self.settings.neededRole == self.user ? nil : self.settings.neededRole
        let isStandby = self.reportedParameter("in_hot_standby").map { $0 == "on" }
        let isReadOnly = self.reportedParameter("default_transaction_read_only") == "on"
        switch (isStandby, neededRole) {
        case (true?, _): return (" (a standby: name the primary)", nil)
        case (false?, _?) where isReadOnly:
            return (" (the role may only read: default_transaction_read_only is on)", .readOnlyTransaction)
        case (false?, _): return (" (default_transaction_read_only is on)", nil)
        case (nil, let neededRole?):
            return (" (a standby, or a role that may only read: name the primary, or connect as \(neededRole))", nil)
        case (nil, nil): return (" (a standby, or default_transaction_read_only is on)", nil)
        }
    }

    private var user: String? { unsafe PQuser(self.handle).map { unsafe String(cString: $0) } }
}
