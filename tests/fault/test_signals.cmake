# A shipper that is stuck for good: its wait is replaced.
target_link_options(${target} PRIVATE -Wl,--wrap=obsvi_pass_wait)

# The thread sanitizer holds asynchronous signals back until a call that may block, and now and then for good.
if(OBSV_SANITIZE MATCHES thread)
  set_tests_properties(${path} PROPERTIES DISABLED TRUE)
endif()
