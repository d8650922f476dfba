// The smallest shim: libpq's own header, found by pkg-config.
#include <libpq-fe.h>
