// What is easier said in C: texts that live for good, and a check of the structures' layout, which is part of the interface.
#include "docket.h"

const char *docket_version(void) { return DOCKET_VERSION; }

const char *docket_status_name(docket_status status) {
    switch (status) {
    case DOCKET_OK: return "ok";
    case DOCKET_INVALID_ARGUMENT: return "invalid_argument";
    case DOCKET_INVALID_CONFIGURATION: return "invalid_configuration";
    case DOCKET_INVALID_EVENT: return "invalid_event";
    case DOCKET_CLOSED: return "closed";
    case DOCKET_IN_CALLBACK: return "in_callback";
    case DOCKET_FORKED: return "forked";
    case DOCKET_UNAVAILABLE: return "unavailable";
    case DOCKET_UNAUTHORIZED: return "unauthorized";
    case DOCKET_REFUSED: return "refused";
    case DOCKET_REJECTED: return "rejected";
    case DOCKET_TOO_LARGE: return "too_large";
    case DOCKET_QUEUE_FULL: return "queue_full";
    case DOCKET_EVICTED: return "evicted";
    case DOCKET_JOURNAL_FAILED: return "journal_failed";
    case DOCKET_TIMED_OUT: return "timed_out";
    default: return "unknown";
    }
}

// A field that moves breaks programs that were compiled before: new ones go to the end, and these numbers change with them.
#if UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(docket_error) == 512, "the layout of docket_error");
_Static_assert(sizeof(docket_rejection) == 40, "the layout of docket_rejection");
_Static_assert(sizeof(docket_actor) == 24, "the layout of docket_actor");
_Static_assert(sizeof(docket_config) == 168, "the layout of docket_config");
_Static_assert(sizeof(docket_event) == 264, "the layout of docket_event");
_Static_assert(sizeof(docket_receipt) == 88, "the layout of docket_receipt");
_Static_assert(sizeof(docket_stats) == 144, "the layout of docket_stats");
_Static_assert(offsetof(docket_config, context) == 160, "the layout of docket_config");
_Static_assert(offsetof(docket_event, attributes) == 256, "the layout of docket_event");
#endif
