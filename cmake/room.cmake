# room(store KNOWS wire domain base LINKS rocksdb): makes a room's library from every .cc below the folder, its tests from
# *_test.cc, its fuzzers from *_fuzz.cc and its benches from *_bench.cc. KNOWS is the room table of docs/ARCHITECTURE.md;
# tools/tidy.py holds the two together. Files are found by glob so that none can drop out silently.
#
# room(lake KNOWS … LATE parquet): the folder lake/parquet is an adapter whose library is too big for those who do not use it. It
# is made a shared object of its own, waybill_lake_parquet.so, that links the target `parquet` and is loaded by base/late.h when
# it is first used. It is given what it works on and uses of rooms their headers only: no second copy of a room lives in it.
function(room name)
  cmake_parse_arguments(ROOM "" "" "KNOWS;LINKS;LATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS *_test.cc)
  file(GLOB_RECURSE fuzzers CONFIGURE_DEPENDS *_fuzz.cc)
  file(GLOB_RECURSE benches CONFIGURE_DEPENDS *_bench.cc)
  list(REMOVE_ITEM sources ${tests} ${fuzzers} ${benches} ${CMAKE_CURRENT_SOURCE_DIR}/main.cc)
  foreach(late ${ROOM_LATE})
    set(late_sources ${sources})
    list(FILTER late_sources INCLUDE REGEX "^${CMAKE_CURRENT_SOURCE_DIR}/${late}/")
    list(REMOVE_ITEM sources ${late_sources})
    late_library(waybill_${name}_${late} ${late} ${late_sources})
  endforeach()

  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${name} PUBLIC ${ROOM_KNOWS} PRIVATE ${ROOM_LINKS})
  foreach(late ${ROOM_LATE})
    add_dependencies(${name} waybill_${name}_${late})
  endforeach()

  if(WAYBILL_TESTS AND tests)
    add_executable(${name}_tests ${tests})
    target_link_libraries(${name}_tests PRIVATE ${name} ${ROOM_LINKS} GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name}_tests)
  endif()

  # Built where somebody asks for it by name: ninja -C build/release write_path_bench.
  foreach(bench ${benches})
    get_filename_component(target ${bench} NAME_WE)
    add_executable(${target} EXCLUDE_FROM_ALL ${bench})
    target_link_libraries(${target} PRIVATE ${name} ${ROOM_LINKS} ${ROOM_LATE})
  endforeach()

  foreach(fuzzer ${fuzzers})
    get_filename_component(target ${fuzzer} NAME_WE)
    if(WAYBILL_FUZZ)
      add_executable(${target} ${fuzzer})
      target_link_libraries(${target} PRIVATE ${name})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    elseif(WAYBILL_TESTS)
      # Without libFuzzer the same function runs once over its corpus, as a test.
      add_executable(${target} ${fuzzer} ${CMAKE_SOURCE_DIR}/tests/corpus/run_corpus.cc)
      target_link_libraries(${target} PRIVATE ${name} GTest::gtest)
      add_test(NAME ${target} COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/corpus/${target})
    endif()
  endforeach()
endfunction()

function(late_library name links)
  add_library(${name} MODULE ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE ${links})
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${LATE_FOLDER} INSTALL_RPATH "$ORIGIN")
  if(NOT WAYBILL_SANITIZE OR CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # clang's sanitizers are in the program only
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  install(TARGETS ${name} LIBRARY DESTINATION ${PRIVATE_LIBRARIES})
endfunction()
