#ifndef DOCKET_CLIBFUZZER_SHIM_H
#define DOCKET_CLIBFUZZER_SHIM_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer as a library (LLVM, "Using libFuzzer as a library"): the toolchain has no header for it. */
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

#endif
