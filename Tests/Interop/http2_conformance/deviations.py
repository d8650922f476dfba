"""Where the servers fall short of the cases. docs/http2.md says the same to people."""

# What Docket and nghttpd share, since it is the library's doing: the case, and why.
DEVIATIONS = {
    "5.1.1/smaller-than-the-last": "nghttp2 ignores HEADERS on a skipped stream: they may as well be trailers that "
    "come late, for a stream that it has reset and forgotten",
    "6.8/in-two-steps-from-an-odd-stream": "nghttp2 takes a last stream that is the client's own for an error, "
    "although nothing forbids it",
    "6.9.2/settings-open-a-stream-above-max": "nghttp2 resets the stream whose window would become too large, and lets "
    "the connection be",
    "8.3.1/host-that-differs": "the RFC says SHOULD; nghttp2 doesn't compare, and nothing here goes by either field",
}

# What nghttpd does alone.
OF_NGHTTPD = {
    "4.2/continuation-too-long": "nghttp2 looks at the length of every frame but CONTINUATION; Docket does itself",
}
