#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counts what the calling thread takes from the heap and gives back: malloc, calloc, realloc, posix_memalign,
 * aligned_alloc, memalign and free are replaced in the executable that this is linked into, and in every library that it
 * loads. A realloc counts as one allocation, since it may move. Counters belong to a thread, so what others do meanwhile
 * doesn't disturb them. */

struct allocation_counts {
  uint64_t allocations; /* how many */
  uint64_t frees;       /* how many, of anything but NULL */
  uint64_t bytes;       /* how many were asked for, in all */
};

/* Whether allocations are counted: false without glibc, and under a sanitizer, which has replacements of its own. */
bool allocation_counter_works(void);

/* The calling thread's counts since it began. */
struct allocation_counts allocation_counter_read(void);

/* From here on what is freed stays with the process: else large blocks go back to the kernel, and the next ones pay for
 * fresh pages, now and then. */
void allocation_counter_keep_memory(void);

/* Calls malloc, which no optimizer leaves out. */
void *allocation_counter_call_malloc(size_t bytes);
/* realloc twice, calloc, aligned_alloc and posix_memalign once: five allocations, four frees. */
void allocation_counter_call_others(void);

enum { ALLOCATION_TRACE_MAX_FRAMES = 32 };

/* A place that allocated while the trace ran. */
struct allocation_site {
  uint64_t allocations;
  uint64_t bytes;
  int frame_count;
  void *frames[ALLOCATION_TRACE_MAX_FRAMES]; /* return addresses, innermost first */
};

/* From here on the calling thread's allocations are noted by where they come from; one thread at a time. */
void allocation_trace_begin(void);
/* Ends it and says how many places there are. */
size_t allocation_trace_end(void);
/* The place at that index, which must be less than what allocation_trace_end returned. */
const struct allocation_site *allocation_trace_site(size_t index);

/* The file that an address was loaded from, and its address within that file; NULL when it lies in none. */
const char *allocation_trace_file(const void *address, uintptr_t *address_in_file);
