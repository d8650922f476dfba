// Tells the thread sanitizer what Swift's Mutex orders.
//
// A Mutex (module Synchronization) locks and unlocks by an atomic operation that is compiled into its user, where the sanitizer
// sees it. When threads contend, the kernel's priority-inheriting futex takes over, in two functions of libswiftSynchronization.so,
// which isn't instrumented: what one thread did before it unlocked then seems to race with what the next one does. This library,
// preloaded, stands in front of the two.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT_FUNCTION __attribute__((swiftcall))
#define SWIFT_SELF __attribute__((swift_context))

// Of the sanitizer's run time; absent in processes that aren't built with it.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

// Synchronization._MutexHandle._lockSlow(Swift.UInt32) -> ()
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
// Synchronization._MutexHandle._unlockSlow() -> ()
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

static void *original(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) { abort(); }
    return found;
}

SWIFT_FUNCTION void lock_slow(uint32_t thread, SWIFT_SELF void *handle) __asm__(LOCK_SLOW);
SWIFT_FUNCTION void lock_slow(uint32_t thread, SWIFT_SELF void *handle) {
    SWIFT_FUNCTION void (*lock)(uint32_t, SWIFT_SELF void *) = original(LOCK_SLOW);
    lock(thread, handle);
    if (__tsan_acquire) { __tsan_acquire(handle); }
}

SWIFT_FUNCTION void unlock_slow(SWIFT_SELF void *handle) __asm__(UNLOCK_SLOW);
SWIFT_FUNCTION void unlock_slow(SWIFT_SELF void *handle) {
    SWIFT_FUNCTION void (*unlock)(SWIFT_SELF void *) = original(UNLOCK_SLOW);
    if (__tsan_release) { __tsan_release(handle); }
    unlock(handle);
}
