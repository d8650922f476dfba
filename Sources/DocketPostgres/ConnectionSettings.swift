import CLibpq

/// How to reach a database, and as whom.
///
/// The connection string is libpq's own (chapter 34.1.1): `key=value` pairs or a `postgresql://` URI; what it leaves
/// out comes from `PG*` variables, a service file and `.pgpass`, as with every program that uses libpq.
package struct ConnectionSettings: Sendable, Equatable, CustomStringConvertible {
    /// May hold a password: never log it; log the settings' ``description``.
    package var conninfo: String
    /// Wins over the user in the connection string; `nil` leaves that one.
    package var user: String?
    /// What `pg_stat_activity` calls the connection.
    package var applicationName: String
    /// How long to wait for a connection to one host, in seconds, unless the connection string says.
    package var connectTimeoutSeconds = 10

    /// Whether only a server that can be written to will do. With several hosts in the connection string, libpq passes the
    /// others by, unless the string has `target_session_attrs` itself.
    var needsWritableServer = false
    /// The role that what is to be written is for; `nil` when that goes without saying.
    var neededRole: String?

    package init(conninfo: String, user: String? = nil, applicationName: String = "docket") {
        self.conninfo = conninfo
        self.user = user
        self.applicationName = applicationName
    }

    /// The parameters for `PQconnectdbParams`, in its order of precedence: what comes later wins.
    var parameters: [(name: String, value: String)] {
        var parameters = [
            ("application_name", self.applicationName),
            ("connect_timeout", "\(self.connectTimeoutSeconds)"),
            // A peer that vanished without a word is noticed after about a minute.
            ("keepalives_idle", "30"),
            ("keepalives_interval", "10"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "60000"),
            ("target_session_attrs", self.needsWritableServer ? "read-write" : "any"),
            ("dbname", self.conninfo),
            ("client_encoding", "UTF8"),
        ]
        if let user = self.user { parameters.append(("user", user)) }
        return parameters
    }

    /// The same, but for a server that can be written to.
    var writable: ConnectionSettings {
        var settings = self
        settings.needsWritableServer = true
        return settings
    }

    /// The same, but for a server that can be written to, by a role that errors name when another one may only read.
    func writable(as role: String) -> ConnectionSettings {
        var settings = self.writable
        settings.neededRole = role
        return settings
    }

    /// Throws unless libpq can read the connection string. libpq's own message is left out: it quotes the string, and
    /// with it perhaps a password.
    package func validate() throws(PostgresError) {
        guard self.looksLikeConnectionString, self.parsed == nil else { return }
        throw PostgresError(
            code: .invalidSettings,
            message: "the PostgreSQL connection string can't be read; it should be like "
                + "'host=/run/postgresql dbname=docket' or 'postgresql://host:5432/docket' "
                + "(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING)")
    }

    /// Where the database is, without any user or password: what connection strings to the same place have in common, be it said in
    /// the string or in the environment.
    package var place: String {
        let parsed = (unsafe Self.values(PQconndefaults())).merging(self.parsed ?? [:]) { $1 }
        let database = parsed["dbname"] ?? self.user ?? parsed["user"]
        let shown = ["service", "host", "hostaddr", "port"].map { ($0, parsed[$0]) } + [("dbname", database)]
        return shown.compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: " ")
    }

    /// Where the connection goes, without any password.
    package var description: String {
        let parsed = self.parsed ?? [:]
        let shown = ["host", "hostaddr", "port", "dbname", "service"].compactMap { name in
            parsed[name].map { "\(name)=\($0)" }
        }
        let user = (self.user ?? parsed["user"]).map { ["user=\($0)"] } ?? []
        return (shown + user).joined(separator: " ")
    }

    /// libpq takes a string with neither as a database's name.
    private var looksLikeConnectionString: Bool {
        self.conninfo.contains("=") || self.conninfo.hasPrefix("postgres://")
            || self.conninfo.hasPrefix("postgresql://")
    }

    /// The values that the connection string gives; `nil` when it can't be read.
    private var parsed: [String: String]? {
        guard self.looksLikeConnectionString else { return ["dbname": self.conninfo] }
        var message: UnsafeMutablePointer<CChar>?
        guard let first = unsafe PQconninfoParse(self.conninfo, &message) else {
            unsafe PQfreemem(message)
            return nil
        }
        return unsafe Self.values(first)
    }

    /// The values of a list of libpq's, which is freed.
    @unsafe private static func values(_ first: UnsafeMutablePointer<PQconninfoOption>?) -> [String: String] {
        guard let first = unsafe first else { return [:] }
        defer { unsafe PQconninfoFree(first) }
        var values: [String: String] = [:]
        var option = unsafe first
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                values[unsafe String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
        return values
    }
}
