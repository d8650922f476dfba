#include "CHashLanes.h"

#if defined(__x86_64__) && defined(__linux__) && __has_include(<intel-ipsec-mb.h>)

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

// Loaded when it is there instead of linked: no machine lacks anything without it.
static struct {
    IMB_MGR *(*alloc)(uint64_t);
    void (*free)(IMB_MGR *);
    void (*init)(IMB_MGR *);
} library;
static pthread_once_t is_loaded = PTHREAD_ONCE_INIT;

static void load(void) {
    void *handle = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return;
    unsigned (*version)(void) = (unsigned (*)(void))dlsym(handle, "imb_get_version");
    IMB_MGR *(*alloc)(uint64_t) = (IMB_MGR * (*)(uint64_t)) dlsym(handle, "alloc_mb_mgr");
    library.free = (void (*)(IMB_MGR *))dlsym(handle, "free_mb_mgr");
    library.init = (void (*)(IMB_MGR *))dlsym(handle, "init_mb_mgr_avx512");
    // An older one than its header knows less of the manager than this file does.
    if (version && version() >= IMB_VERSION_NUM && library.free && library.init) library.alloc = alloc;
}

docket_lanes *docket_lanes_make(void) {
    pthread_once(&is_loaded, load);
    if (!library.alloc) return NULL;
    IMB_MGR *manager = library.alloc(0);
    if (!manager) return NULL;
    const uint64_t needed = IMB_FEATURE_AVX512_SKX;
    if ((manager->features & needed) == needed) library.init(manager);
    docket_lanes *lanes = NULL;
    if (manager->used_arch == IMB_ARCH_AVX512 && posix_memalign((void **)&lanes, 64, sizeof *lanes) == 0) {
        lanes->count = 0;
        lanes->manager = manager;
        return lanes;
    }
    library.free(manager);
    return NULL;
}

void docket_lanes_free(docket_lanes *lanes) {
    if (!lanes) return;
    library.free(lanes->manager);
    free(lanes);
}

int docket_lanes_run(docket_lanes *lanes) {
    IMB_MGR *manager = lanes->manager;
    size_t submitted = lanes->count, completed = 0;
    IMB_JOB *job;
    for (size_t lane = 0; lane < submitted; lane++) {
        job = IMB_GET_NEXT_JOB(manager);
        job->cipher_mode = IMB_CIPHER_NULL;
        job->cipher_direction = IMB_DIR_ENCRYPT;
        job->chain_order = IMB_ORDER_HASH_CIPHER;
        job->hash_alg = IMB_AUTH_SHA_256;
        job->src = lanes->messages[lane];
        job->hash_start_src_offset_in_bytes = 0;
        job->msg_len_to_hash_in_bytes = lanes->lengths[lane];
        job->auth_tag_output = lanes->digests[lane];
        job->auth_tag_output_len_in_bytes = sizeof lanes->digests[lane];
        for (job = IMB_SUBMIT_JOB_NOCHECK(manager); job; job = IMB_GET_COMPLETED_JOB(manager)) {
            if (job->status == IMB_STATUS_COMPLETED) completed++;
        }
    }
    while ((job = IMB_FLUSH_JOB(manager))) {
        if (job->status == IMB_STATUS_COMPLETED) completed++;
    }
    return completed == submitted;
}

#else

docket_lanes *docket_lanes_make(void) { return NULL; }

void docket_lanes_free(docket_lanes *lanes) { (void)lanes; }

int docket_lanes_run(docket_lanes *lanes) {
    (void)lanes;
    return 0;
}

#endif
