// SHA-256 of many short messages at a time. A processor with AVX-512 hashes sixteen of them in not much more than the time
// that a few take one after the other; Intel's multi-buffer library (libipsec-mb) knows how. It is optional twice: without
// its header nothing of this is compiled in, without the library or such a processor docket_lanes_make gives nothing.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// How many messages are hashed at a time.
#define DOCKET_LANES 16
/// The longest message, in bytes.
#define DOCKET_LANE_BYTES 2048

/// Messages that wait to be hashed. One thread at a time may use it.
typedef struct docket_lanes {
    /// How many messages there are; at most DOCKET_LANES.
    size_t count;
    /// How long each is; at most DOCKET_LANE_BYTES.
    size_t lengths[DOCKET_LANES];
    /// The caller's own: where each digest belongs.
    size_t slots[DOCKET_LANES];
    uint8_t messages[DOCKET_LANES][DOCKET_LANE_BYTES];
    uint8_t digests[DOCKET_LANES][32];
    /// The library's state.
    void *manager;
} docket_lanes;

/// Empty lanes, or NULL where they wouldn't be faster than libcrypto.
docket_lanes *docket_lanes_make(void);

/// Frees them.
void docket_lanes_free(docket_lanes *lanes);

/// Hashes the first `count` messages into their digests; leaves the count as it is. Nonzero when that has worked, which it
/// always does unless the library is broken.
int docket_lanes_run(docket_lanes *lanes);

/// Notes the length and the place of a message.
static inline void docket_lane_set(docket_lanes *lanes, size_t lane, size_t length, size_t slot) {
    lanes->lengths[lane] = length;
    lanes->slots[lane] = slot;
}

static inline uint8_t *docket_lane_message(docket_lanes *lanes, size_t lane) { return lanes->messages[lane]; }

static inline size_t docket_lane_length(const docket_lanes *lanes, size_t lane) { return lanes->lengths[lane]; }

static inline size_t docket_lane_slot(const docket_lanes *lanes, size_t lane) { return lanes->slots[lane]; }

static inline const uint8_t *docket_lane_digest(const docket_lanes *lanes, size_t lane) { return lanes->digests[lane]; }
