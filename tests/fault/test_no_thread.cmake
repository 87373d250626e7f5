# No thread to be had, as often as a test wants.
target_link_options(${target} PRIVATE -Wl,--wrap=pthread_create)
