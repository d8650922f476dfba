public import ServiceLifecycle

/// A client runs as a service among others (swift-service-lifecycle): it sends what is left when the process ends. Put it before the
/// services that emit, so that it ends after them.
extension AuditClient: Service {
    /// Waits for the graceful shutdown, or the task's cancellation, and shuts the client down.
    public func run() async throws {
        try? await gracefulShutdown()
        await self.shutdown()
    }
}
