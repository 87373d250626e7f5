# A shipper that is stuck for good: its wait is replaced.
target_link_options(${target} PRIVATE -Wl,--wrap=obsvi_pass_wait)
