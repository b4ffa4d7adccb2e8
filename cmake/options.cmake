# Language, warnings, sanitizers and the tools that make a build quick. The presets set the three switches.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(WAYBILL_SANITIZE "" CACHE STRING "sanitizers: address,undefined or thread; empty for none")
option(WAYBILL_TESTS "build the tests of every room" ON)
option(WAYBILL_FUZZ "build the fuzzers (clang)" OFF)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
                    -Wno-missing-field-initializers)  # a designated initializer leaves the rest at its default
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns about its own library in optimised code (bugs 105329, 105651, 107852).
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized
                      -Wno-dangling-pointer -Wno-free-nonheap-object)
else()
  # clang reports what g++ 12's library does inside its own std::stable_sort.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(WAYBILL_SANITIZE)
  add_compile_options(-fsanitize=${WAYBILL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WAYBILL_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND WAYBILL_SANITIZE STREQUAL "thread")
    add_compile_options(-Wno-tsan)  # Asio's fences, which ThreadSanitizer does not follow
    add_link_options(-Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/tsan.map)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND WAYBILL_SANITIZE MATCHES undefined)
    # A third of the time it takes to compile. The build of the fuzzers has these checks; ASan stops at a null pointer as well.
    add_compile_options(-fno-sanitize=null,alignment,vptr)
  endif()
endif()

# Where programs look for what they load late and for the libraries that no distribution brings: in a build tree and installed.
# As RPATH: with RUNPATH, dlopen() would not look there where AddressSanitizer stands between it and us.
set(LATE_FOLDER ${CMAKE_BINARY_DIR}/late)
set(PRIVATE_LIBRARIES /usr/lib/waybill)
set(CMAKE_BUILD_RPATH ${LATE_FOLDER})
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib/waybill")
add_link_options(-Wl,--disable-new-dtags)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
