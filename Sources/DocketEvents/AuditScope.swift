public import DocketModel

/// What the events of a task have in common, so that each needs to say only what is its own.
///
/// ```swift
/// try await withAuditScope(AuditScope(actor: .user("alice"), requestID: "r-1")) {
///     client.emit(Event("file.read").on("file", path))    // alice's, of request r-1
/// }
/// ```
///
/// A field of an event that is set stays as it is. The tenant isn't a field of events: it is the log that the client sends
/// them to.
public struct AuditScope: Sendable, Hashable {
    /// The tenant whose log the events belong to.
    public var tenant: String?
    /// Who does it.
    public var actor: Actor?
    /// The session that the events belong to; at most 512 bytes, like each of the texts below.
    public var sessionID: String?
    /// The request that causes them.
    public var requestID: String?
    /// The software agent that carries them out for the actor.
    public var agentID: String?
    /// The division inside the tenant: a workspace, a namespace, a project.
    public var scope: String?
    /// The emitting service.
    public var source: String?
    /// The W3C trace. An event takes trace and span from one place: the event's own, this, or the tracer's context.
    public var traceID: TraceID?
    /// The W3C span; only of use with the trace.
    public var spanID: SpanID?

    /// A scope with those fields; the others are inherited from the scope around it.
    public init(
        tenant: String? = nil, actor: Actor? = nil, sessionID: String? = nil, requestID: String? = nil,
        agentID: String? = nil, scope: String? = nil, source: String? = nil, traceID: TraceID? = nil,
        spanID: SpanID? = nil
    ) {
        self.tenant = tenant
        self.actor = actor
        self.sessionID = sessionID
        self.requestID = requestID
        self.agentID = agentID
        self.scope = scope
        self.source = source
        self.traceID = traceID
        self.spanID = spanID
    }

    /// The scope of the current task, with what it inherits; `nil` outside of every ``withAuditScope(_:_:)``.
    public static var current: AuditScope? { Self.bound?.scope }

    /// Behind a reference, so that looking whether there is one copies nothing.
    final class Bound: Sendable {
        let scope: AuditScope

        init(_ scope: AuditScope) { self.scope = scope }
    }

    @TaskLocal static var bound: Bound?

    /// This scope, and what it doesn't set of the scope around it.
    func inheriting(from outer: AuditScope?) -> AuditScope {
        guard let outer else { return self }
        var scope = self
        scope.tenant = self.tenant ?? outer.tenant
        scope.actor = self.actor ?? outer.actor
        scope.sessionID = self.sessionID ?? outer.sessionID
        scope.requestID = self.requestID ?? outer.requestID
        scope.agentID = self.agentID ?? outer.agentID
        scope.scope = self.scope ?? outer.scope
        scope.source = self.source ?? outer.source
        if self.traceID == nil {
            scope.traceID = outer.traceID
            scope.spanID = self.spanID ?? outer.spanID
        }
        return scope
    }
}

/// Runs an operation whose events, and those of the tasks that it starts, take over what they don't set themselves from
/// this scope, and from those around it what this one doesn't set.
///
/// - Returns: what the operation returns.
/// - Throws: what the operation throws, nothing else.
public func withAuditScope<Value, Failure: Error>(
    _ scope: AuditScope, _ operation: () throws(Failure) -> Value
) throws(Failure) -> Value {
    let bound = AuditScope.Bound(scope.inheriting(from: .current))
    // Task locals rethrow without the type of the error.
    let result = AuditScope.$bound.withValue(bound) { () -> Result<Value, Failure> in
        do throws(Failure) {
            return .success(try operation())
        } catch {
            return .failure(error)
        }
    }
    return try result.get()
}

/// Runs an asynchronous operation whose events, and those of its child tasks, take over what they don't set themselves from
/// this scope, and from those around it what this one doesn't set. It stays on the caller's actor.
///
/// - Returns: what the operation returns.
/// - Throws: what the operation throws, nothing else.
public nonisolated(nonsending) func withAuditScope<Value, Failure: Error>(
    _ scope: AuditScope, _ operation: nonisolated(nonsending) () async throws(Failure) -> Value
) async throws(Failure) -> Value {
    let bound = AuditScope.Bound(scope.inheriting(from: .current))
    let result = await AuditScope.$bound.withValue(bound) { () -> Result<Value, Failure> in
        do throws(Failure) {
            return .success(try await operation())
        } catch {
            return .failure(error)
        }
    }
    return try result.get()
}
