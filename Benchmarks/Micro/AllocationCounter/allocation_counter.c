/* Symbols of an executable come before those of the libraries that it loads, so these definitions serve libc's own
 * callers, the Swift runtime and nghttp2 alike. glibc keeps its functions under a second name, which spares looking them
 * up (dlsym itself allocates). */
#define _GNU_SOURCE
#include "allocation_counter.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#define HAS_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define HAS_SANITIZER 0
#endif

#if defined(__GLIBC__) && !HAS_SANITIZER
#define REPLACES_MALLOC 1
#include <execinfo.h>
#include <link.h>
#include <malloc.h>
#else
#define REPLACES_MALLOC 0
#endif

#if REPLACES_MALLOC

static __thread struct allocation_counts counts;

/* Places, in the order in which they came up first: enough for any benchmark; further ones are left out. */
enum { MAX_SITES = 1024 };
static struct allocation_site sites[MAX_SITES];
static size_t site_count;
static __thread bool is_tracing;

static __attribute__((noinline)) void trace(size_t bytes) {
  is_tracing = false; /* backtrace may allocate */
  struct allocation_site site = {.allocations = 1, .bytes = bytes};
  void *frames[ALLOCATION_TRACE_MAX_FRAMES + 2];
  int own_frames = 2; /* this function and the replacement that called it */
  int count = backtrace(frames, ALLOCATION_TRACE_MAX_FRAMES + own_frames);
  for (int i = own_frames; i < count; i++) site.frames[site.frame_count++] = frames[i];
  is_tracing = true;
  for (size_t i = 0; i < site_count; i++) {
    if (sites[i].frame_count != site.frame_count) continue;
    if (memcmp(sites[i].frames, site.frames, sizeof site.frames) != 0) continue;
    sites[i].allocations++;
    sites[i].bytes += bytes;
    return;
  }
  if (site_count < MAX_SITES) sites[site_count++] = site;
}

static inline __attribute__((always_inline)) void note(size_t bytes) {
  counts.allocations++;
  counts.bytes += bytes;
  if (__builtin_expect(is_tracing, 0)) trace(bytes);
}

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

void *malloc(size_t bytes) {
  note(bytes);
  return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
  note(count * bytes);
  return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes) {
  note(bytes);
  return __libc_realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  note(bytes);
  void *result = __libc_memalign(alignment, bytes);
  if (result == NULL) return ENOMEM;
  *memory = result;
  return 0;
}

void free(void *memory) {
  if (memory != NULL) counts.frees++;
  __libc_free(memory);
}

bool allocation_counter_works(void) { return true; }
struct allocation_counts allocation_counter_read(void) { return counts; }

void allocation_counter_keep_memory(void) {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
}

void allocation_trace_begin(void) {
  void *frame;
  backtrace(&frame, 1); /* its first call loads a library */
  memset(sites, 0, sizeof sites);
  site_count = 0;
  is_tracing = true;
}

size_t allocation_trace_end(void) {
  is_tracing = false;
  return site_count;
}

const struct allocation_site *allocation_trace_site(size_t index) { return &sites[index]; }

const char *allocation_trace_file(const void *address, uintptr_t *address_in_file) {
  Dl_info info;
  struct link_map *map;
  if (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0) return NULL;
  *address_in_file = (uintptr_t)address - map->l_addr;
  return info.dli_fname;
}

#else

bool allocation_counter_works(void) { return false; }
struct allocation_counts allocation_counter_read(void) { return (struct allocation_counts){0}; }
void allocation_counter_keep_memory(void) {}
void allocation_trace_begin(void) {}
size_t allocation_trace_end(void) { return 0; }
const struct allocation_site *allocation_trace_site(size_t index) { (void)index; return NULL; }
const char *allocation_trace_file(const void *address, uintptr_t *address_in_file) {
  (void)address, (void)address_in_file;
  return NULL;
}

#endif

/* Through pointers that the compiler must read: else it may leave out a pair of malloc and free. */
static void *(*volatile call_malloc)(size_t) = malloc;
static void *(*volatile call_calloc)(size_t, size_t) = calloc;
static void *(*volatile call_realloc)(void *, size_t) = realloc;
static void *(*volatile call_aligned_alloc)(size_t, size_t) = aligned_alloc;
static int (*volatile call_posix_memalign)(void **, size_t, size_t) = posix_memalign;
static void (*volatile call_free)(void *) = free;

void *allocation_counter_call_malloc(size_t bytes) { return call_malloc(bytes); }

void allocation_counter_call_others(void) {
  void *grown = call_realloc(NULL, 16);
  grown = call_realloc(grown, 4096);
  call_free(grown);
  call_free(call_calloc(4, 16));
  call_free(call_aligned_alloc(64, 128));
  void *aligned = NULL;
  if (call_posix_memalign(&aligned, 64, 128) == 0) call_free(aligned);
}
