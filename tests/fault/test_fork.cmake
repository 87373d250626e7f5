# A pass that says that it is running, and may be made to last for ever.
target_link_options(${target} PRIVATE -Wl,--wrap=obsvi_pass_pump)
