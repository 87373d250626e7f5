/* header_cpp: include/obsv.h compiled as ISO C++11 with every warning an error (tests/CMakeLists.txt).
 * Nothing runs. */
#include "obsv.h"

void header_cpp_uses_everything(obsv_logger *log);

void header_cpp_uses_everything(obsv_logger *log)
{
    OBSV_INFO(log, "started");
    OBSV_INFO(log, "order_submitted", obsv_str("symbol", "BTC-USD"), obsv_i64("qty", 3), obsv_f64("px", 0.5),
              obsv_bool("post_only", true), obsv_null("parent"), obsv_bytes("raw", "\0", 1));
    obsv_log_text(log, OBSV_SEVERITY_WARN, "event", "body", nullptr, 0);
}
