import CLibpq

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension PostgresConnection {
    /// Waits until the server says something of a channel that this connection listens to (`LISTEN`), for so long at most.
    ///
    /// - Returns: whether it did; all that it has said by now counts as said.
    /// - Throws: `connectionLost`.
    func waitForNotification(milliseconds: Int32) throws(PostgresError) -> Bool {
        if self.takeNotifications() { return true }
        var wanted = pollfd(fd: unsafe PQsocket(self.handle), events: Int16(POLLIN), revents: 0)
        // Interrupted by a signal, it has merely waited for less.
        guard unsafe poll(&wanted, 1, milliseconds) > 0 else { return false }
        guard unsafe PQconsumeInput(self.handle) == 1, self.isAlive else { throw self.lost() }
        return self.takeNotifications()
    }

    private func takeNotifications() -> Bool {
        var hasAny = false
        while let notification = unsafe PQnotifies(self.handle) {
            hasAny = true
            unsafe PQfreemem(notification)
        }
        return hasAny
    }
}
