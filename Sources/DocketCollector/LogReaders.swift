package import DocketStore

/// What each kind of reading goes through: connections of its own, so that none waits for the long ones of another.
package struct LogReaders: Sendable {
    /// Of pages.
    package let queries: any EventReader
    /// Of statistics, and of pages whose events are counted as well.
    package let counts: any EventReader
    package let exports: any EventReader
    /// Of what lies between where a tail begins and the log's end.
    package let catchUps: any EventReader

    package init(
        queries: any EventReader, counts: any EventReader, exports: any EventReader, catchUps: any EventReader
    ) {
        self.queries = queries
        self.counts = counts
        self.exports = exports
        self.catchUps = catchUps
    }
}
