# The scripted peer is libmicrohttpd's server.
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
target_link_libraries(${target} PRIVATE PkgConfig::MICROHTTPD)
