# room(store KNOWS wire domain base LINKS rocksdb): makes a room's library from every .cc below the folder, its tests from
# *_test.cc, its fuzzers from *_fuzz.cc and its benches from *_bench.cc. KNOWS is the room table of docs/ARCHITECTURE.md;
# tools/tidy.py holds the two together. Files are found by glob so that none can drop out silently.
function(room name)
  cmake_parse_arguments(ROOM "" "" "KNOWS;LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS *_test.cc)
  file(GLOB_RECURSE fuzzers CONFIGURE_DEPENDS *_fuzz.cc)
  file(GLOB_RECURSE benches CONFIGURE_DEPENDS *_bench.cc)
  list(REMOVE_ITEM sources ${tests} ${fuzzers} ${benches} ${CMAKE_CURRENT_SOURCE_DIR}/main.cc)

  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${name} PUBLIC ${ROOM_KNOWS} PRIVATE ${ROOM_LINKS})

  if(WAYBILL_TESTS AND tests)
    add_executable(${name}_tests ${tests})
    target_link_libraries(${name}_tests PRIVATE ${name} ${ROOM_LINKS} GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name}_tests)
  endif()

  # Built where somebody asks for it by name: ninja -C build/release write_path_bench.
  foreach(bench ${benches})
    get_filename_component(target ${bench} NAME_WE)
    add_executable(${target} EXCLUDE_FROM_ALL ${bench})
    target_link_libraries(${target} PRIVATE ${name})
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
