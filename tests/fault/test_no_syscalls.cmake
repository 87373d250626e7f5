# The sanitizers' run-times make system calls of their own.
if(OBSV_SANITIZE)
  set_tests_properties(${path} PROPERTIES DISABLED TRUE)
endif()
