# Every library the project stands on, from Debian 12's packages; README.md says why each is there.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq>=4.3)
pkg_check_modules(CZMQ REQUIRED IMPORTED_TARGET libczmq>=4.2)
# Their .pc files name the headers of what they use privately, which we never include; one stands behind a bare -isystem, which
# CMake puts elsewhere at its second run, and everything is built again.
foreach(library ZMQ CZMQ)
  set_target_properties(PkgConfig::${library} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${${library}_INCLUDEDIR}" INTERFACE_COMPILE_OPTIONS "")
endforeach()
# Debian 12's pkg-config calls msgpack-c `msgpack`, newer ones `msgpack-c`.
pkg_search_module(MSGPACK REQUIRED IMPORTED_TARGET msgpack-c msgpack)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent_core>=2.1 libevent_extra>=2.1)
pkg_check_modules(EVENT_OPENSSL REQUIRED IMPORTED_TARGET libevent_openssl>=2.1)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl>=3.0)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.85)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd>=252)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5)
pkg_check_modules(QRENCODE REQUIRED IMPORTED_TARGET libqrencode>=4.1)
pkg_check_modules(CYAML REQUIRED IMPORTED_TARGET libcyaml>=1.3)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1>=0.2)
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka>=1.1)

# llhttp: Debian 12's node-llhttp ships the C sources, which we compile in strict mode; newer Debian has libllhttp-dev.
find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp)
if(LLHTTP_SOURCE_DIR AND LLHTTP_INCLUDE_DIR)
  add_library(llhttp STATIC
    ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c ${LLHTTP_SOURCE_DIR}/llhttp.c)
  target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
  target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
  target_compile_options(llhttp PRIVATE -w)
else()
  pkg_check_modules(LLHTTP REQUIRED IMPORTED_TARGET libllhttp)
  add_library(llhttp INTERFACE)
  target_link_libraries(llhttp INTERFACE PkgConfig::LLHTTP)
endif()
