import DocketThreads

extension OwnedThread {
    /// Runs `body` on a thread of its own, which ends with it. The name is for the error alone.
    ///
    /// - Throws: `overloaded` when the system allows no more threads.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(PostgresError) {
        do throws(ThreadError) {
            try self.start(body)
        } catch {
            throw PostgresError(
                code: .overloaded, message: "no thread for \(name) can be started: errno \(error.errorNumber)")
        }
    }
}
