#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Starts threads that Docket owns, for work that blocks: a task that blocked would take one of the few threads that
/// all tasks share.
enum OwnedThread {
    /// A body on its way to its thread.
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a thread of its own, which ends with it. The name is for the error alone: C's function that names
    /// a thread is hidden from Swift on Linux.
    ///
    /// - Throws: `overloaded` when the system allows no more threads.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(PostgresError) {
        let argument = unsafe Unmanaged.passRetained(Body(body))
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let failure = unsafe pthread_create(
            &thread, nil,
            { argument in
                #if canImport(Darwin)
                    let pointer: UnsafeMutableRawPointer? = unsafe argument
                #else
                    let pointer = unsafe argument
                #endif
                if let pointer = unsafe pointer {
                    unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
                }
                return nil
            }, argument.toOpaque())
        guard failure == 0 else {
            unsafe argument.release()
            throw PostgresError(code: .overloaded, message: "no thread for \(name) can be started: errno \(failure)")
        }
        #if canImport(Darwin)
            if let thread = unsafe thread { unsafe pthread_detach(thread) }
        #else
            pthread_detach(thread)
        #endif
    }
}
