extension PostgresConnection {
    /// Runs `body` in a transaction of its own, which is rolled back when it throws.
    ///
    /// - Throws: What `body` throws, or the error of the commit; after `connectionLost` it is unknown whether the
    ///   transaction took effect.
    func inTransaction<Result>(
        _ body: () throws(PostgresError) -> Result
    ) throws(PostgresError) -> Result {
        try self.execute("BEGIN")
        let result: Result
        do throws(PostgresError) {
            result = try body()
        } catch {
            // The first error is the one that matters: a rollback fails only where the connection is lost.
            if self.isAlive { try? self.execute("ROLLBACK") }
            throw error
        }
        try self.execute("COMMIT")
        return result
    }
}
