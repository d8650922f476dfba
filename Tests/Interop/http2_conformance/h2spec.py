"""The cases of h2spec 2.6 (https://github.com/summerwind/h2spec): how many each of its sections has."""

SECTIONS = {
    "generic/1": 1, "generic/2": 5, "generic/3.1": 3, "generic/3.2": 3, "generic/3.3": 5, "generic/3.4": 1,
    "generic/3.5": 1, "generic/3.7": 1, "generic/3.8": 1, "generic/3.9": 2, "generic/3.10": 2, "generic/4": 4,
    "generic/5": 15,
    "http2/3.5": 2, "http2/4.1": 3, "http2/4.2": 3, "http2/4.3": 3, "http2/5.1": 13, "http2/5.1.1": 2,
    "http2/5.1.2": 1, "http2/5.3.1": 2, "http2/5.4.1": 2, "http2/5.5": 2, "http2/6.1": 3, "http2/6.2": 4,
    "http2/6.3": 2, "http2/6.4": 3, "http2/6.5": 3, "http2/6.5.2": 5, "http2/6.5.3": 2, "http2/6.7": 4, "http2/6.8": 1,
    "http2/6.9": 3, "http2/6.9.1": 3, "http2/6.9.2": 3, "http2/6.10": 6, "http2/7": 2, "http2/8.1": 1,
    "http2/8.1.2": 1, "http2/8.1.2.1": 4, "http2/8.1.2.2": 2, "http2/8.1.2.3": 7, "http2/8.1.2.6": 2, "http2/8.2": 1,
    "hpack/2.3.3": 2, "hpack/4.2": 1, "hpack/5.2": 3, "hpack/6.1": 1, "hpack/6.3": 1,
}  # fmt: skip

CASES = {f"{section}/{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)}
