// zlib's own header; the functions below stand in for its macros, which Swift does not import.
#pragma once

#include <zlib.h>

/// `deflateInit2` for a gzip stream (RFC 1952): window of 32 KiB, default memory and strategy.
static inline int docket_gzip_deflate_init(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

/// `inflateInit2` for a gzip stream, and for nothing else: neither zlib (RFC 1950) nor raw deflate.
static inline int docket_gzip_inflate_init(z_stream *stream) {
    return inflateInit2(stream, 15 + 16);
}
