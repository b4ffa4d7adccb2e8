# fetch(DUCKDB npm PACKAGE@VERSION SHA256 PATTERN…): a variable gets the folder, outside the tree, with those files of a package
# of a registry; tools/fetched.py brings them, once.
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  message(FATAL_ERROR "Waybill is built on Linux for x86_64: the checksums in cmake/dependencies.cmake are of libraries for it")
endif()
find_program(PYTHON python3 HINTS /usr/bin REQUIRED)  # Debian's, where there is another: it has what python3-venv brings

function(fetch variable client package sha256)
  execute_process(COMMAND ${PYTHON} ${CMAKE_SOURCE_DIR}/tools/fetched.py ${client} ${package} ${sha256} ${ARGN}
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} ${folder} PARENT_SCOPE)
  # Where somebody has emptied the cache, ninja runs cmake, which fetches it again.
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder})
endfunction()

# fetched_library(duckdb FILE INCLUDE): a target to link, whose headers' warnings are not ours. Packages of Waybill bring the
# file along, see package.cmake; programs of the build tree find it where it was fetched to.
function(fetched_library name file include)
  add_library(${name} SHARED IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${file} INTERFACE_INCLUDE_DIRECTORIES ${include})
  set_property(GLOBAL APPEND PROPERTY FETCHED_LIBRARIES ${file})
endfunction()
