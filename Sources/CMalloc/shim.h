// glibc's tuning of its allocator, which Swift's module of glibc leaves out.
#pragma once

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/// Lets all threads allocate from one arena (`M_ARENA_MAX`, mallopt(3)). 1 when that was done, 0 when it can't be done here.
static inline int docket_share_malloc_arena(void) {
#ifdef __GLIBC__
    return mallopt(M_ARENA_MAX, 1);
#else
    return 0;
#endif
}
