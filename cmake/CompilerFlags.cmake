# Warnings, sanitizers and hardening. Targets of ours link `hoody_flags`; foreign sources do not.
add_library(hoody_flags INTERFACE)
target_compile_definitions(hoody_flags INTERFACE _GNU_SOURCE)
target_compile_options(hoody_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
  -Wswitch-enum -Wundef -Wvla -Wformat=2 -Wpointer-arith -Wcast-align -Wwrite-strings -Wno-overlength-strings)
if(HOODY_WERROR)
  target_compile_options(hoody_flags INTERFACE -Werror)
endif()

add_compile_options(-fno-omit-frame-pointer)
if(HOODY_SANITIZE)
  add_compile_options(-fsanitize=${HOODY_SANITIZE})
  add_link_options(-fsanitize=${HOODY_SANITIZE})
  if(HOODY_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(HOODY_HARDENED)
  # What dpkg-buildflags says with hardening=+all, and the compiler's own guards against stack clashes and forged jumps.
  add_compile_options(-Wformat -Werror=format-security -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
    -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE)
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
