/* header_c99: include/obsv.h compiled as ISO C99 with every warning an error (tests/CMakeLists.txt). Nothing
 * runs; the uses below make the compiler expand each macro and inline function. */
#include "obsv.h"

void header_c99_uses_everything(struct obsv_logger *log);

void header_c99_uses_everything(struct obsv_logger *log)
{
    struct obsv_options options = {sizeof options, NULL};
    struct obsv_stats stats;
    if (obsv_init(&options) == 0 && obsv_stats_get(&stats, sizeof stats) == 0)
        OBSV_INFO(log, "started");
    const struct obsv_attr items[] = {obsv_null(NULL), obsv_bool(NULL, true)};
    OBSV_TRACE(log, "trace", obsv_array("array", items, 2), obsv_map("map", items, 0));
    OBSV_DEBUG(log, "debug", obsv_i64("i64", -1), obsv_f64("f64", 0.5));
    OBSV_WARN(log, "warn", obsv_str("str", "x"), obsv_strn("strn", "xy", 1));
    OBSV_ERROR(log, "error", obsv_bytes("bytes", "\0", 1));
    OBSV_FATAL(log, "fatal", obsv_null("null"));
}
