// SHA-256 of libcrypto (OpenSSL 3). The functions on a plain struct are deprecated in favour of EVP, which allocates a
// context and costs more than half as much as hashing an audit event does.
#pragma once

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

/// Writes the SHA-256 of `count` bytes to the 32 bytes at `digest`.
static inline void docket_sha256(const void *bytes, size_t count, unsigned char *digest) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes, count);
    SHA256_Final(digest, &context);
}

/// The same for two bytes and the `count` bytes behind them.
static inline void docket_sha256_behind(unsigned char first, unsigned char second, const void *bytes, size_t count,
                                        unsigned char *digest) {
    const unsigned char prefix[2] = {first, second};
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, prefix, sizeof prefix);
    SHA256_Update(&context, bytes, count);
    SHA256_Final(digest, &context);
}
