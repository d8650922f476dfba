import CMalloc

/// The C library's allocator.
package enum Allocator {
    /// One arena for all threads, where the library is glibc. Batches are allocated on event loops and freed by writers: with an
    /// arena for each thread, every one of them keeps as much free memory as it once needed, and what the process has is far
    /// more than what messages have reserved. Batches are few and large, so threads seldom meet here; what is small comes from
    /// the caches that each thread has all the same. For the whole process, and before it has threads.
    package static func shareArena() { _ = docket_share_malloc_arena() }
}
