# A shipper that is stuck, or crashes itself: its wait is replaced.
target_link_options(${target} PRIVATE -Wl,--wrap=obsvi_pass_wait)
