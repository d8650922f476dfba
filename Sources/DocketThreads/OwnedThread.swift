#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The system started no thread.
package struct ThreadError: Error, Sendable, Equatable {
    /// The number of the system's error.
    package let errorNumber: Int32
}

/// Starts threads that Docket owns, for work that blocks: a task that blocked would take one of the few threads that
/// all tasks share.
package enum OwnedThread {
    /// A body on its way to its thread.
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a thread of its own, which ends with it. It has no name: C's function that gives a thread one is hidden from
    /// Swift on Linux.
    ///
    /// - Throws: ``ThreadError`` when the system allows no more threads.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(ThreadError) {
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
            throw ThreadError(errorNumber: failure)
        }
        #if canImport(Darwin)
            if let thread = unsafe thread { unsafe pthread_detach(thread) }
        #else
            pthread_detach(thread)
        #endif
    }
}
