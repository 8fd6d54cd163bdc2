# Compiler settings shared by every target of the project, and the functions that make targets.

find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers carry time stamps; without the sloppiness ccache never hits on files that use one.
  # Asking the compiler for the dependencies saves a run of the preprocessor on every miss.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1 ${CCACHE})
endif()

# Links a program in a fraction of the time that GNU ld takes.
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Said once for all targets: gRPC and GoogleTest ask for it, and a precompiled header fits only files with its
# flags.
add_compile_options(-pthread)

add_library(loupe_options INTERFACE)
target_compile_options(loupe_options INTERFACE
  -Wall -Wextra -Werror $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
target_include_directories(loupe_options INTERFACE ${CMAKE_SOURCE_DIR})
if(LOUPE_SANITIZE)
  list(JOIN LOUPE_SANITIZE "," _sanitizers)
  add_compile_options(-fsanitize=${_sanitizers} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${_sanitizers})
endif()
if(LOUPE_FUZZ)
  # Boost 1.74 knows coroutines of GCC alone.
  add_compile_definitions(BOOST_ASIO_HAS_CO_AWAIT=1 BOOST_ASIO_HAS_STD_COROUTINE=1)
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize-recover=all
                      "SHELL:-include ${CMAKE_SOURCE_DIR}/tests/fuzz/vector_for_libtorch.h")
endif()

# loupe_sources(OUT [SOURCES a.cc …] [ROOMS folder …]): the named files and all `.cc` files of the rooms.
function(loupe_sources out)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS" ${ARGN})
  set(_sources ${ARG_SOURCES})
  foreach(_room IN LISTS ARG_ROOMS)
    file(GLOB _files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${_room}/*.cc)
    list(APPEND _sources ${_files})
  endforeach()
  set(${out} ${_sources} PARENT_SCOPE)
endfunction()

# loupe_library(NAME [SOURCES a.cc …] [ROOMS folder …] LIBS lib …): a static library; LIBS are public.
function(loupe_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS;LIBS" ${ARGN})
  loupe_sources(_sources SOURCES ${ARG_SOURCES} ROOMS ${ARG_ROOMS})
  add_library(${name} STATIC ${_sources})
  target_link_libraries(${name} PUBLIC ${ARG_LIBS} PRIVATE loupe_options)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# loupe_program(NAME SOURCES a.cc … LIBS lib …): an executable in build/<preset>/bin.
function(loupe_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} loupe_options)
endfunction()

# loupe_precompiles_torch(NAME): for a target most of whose files include LibTorch's headers. They are
# precompiled in the preset dev, where one file is compiled after a change.
function(loupe_precompiles_torch name)
  if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    target_precompile_headers(${name} REUSE_FROM loupe_weights)
  endif()
endfunction()

# loupe_test(NAME [SOURCES a.cc …] [ROOMS folder …] LIBS lib … [SHARDS n] [TIMEOUT s]
#            [ENVIRONMENT NAME=value …]): one GoogleTest binary. ctest runs it in n parts; each part has every
# n-th case. The unit is a part and not a case, since a binary makes its database or its server once. Tests
# with the longest time limit begin first, so that no core is idle at the end.
function(loupe_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;SHARDS" "SOURCES;ROOMS;LIBS;ENVIRONMENT" ${ARGN})
  loupe_sources(_sources SOURCES ${ARG_SOURCES} ROOMS ${ARG_ROOMS})
  add_executable(${name} ${_sources})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main loupe_options)
  # Optimising tests takes longer than they gain by it.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set(_environment
    LOUPE_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY} LOUPE_SOURCE=${CMAKE_SOURCE_DIR} ${ARG_ENVIRONMENT})
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  math(EXPR _last "${ARG_SHARDS} - 1")
  foreach(_index RANGE ${_last})
    set(_part ${name})
    if(_last GREATER 0)
      set(_part ${name}_${_index})
    endif()
    add_test(NAME ${_part} COMMAND ${name})
    # A folder of its own for files, since parts run at the same time.
    set(_folder ${CMAKE_BINARY_DIR}/tests/files/${_part})
    file(MAKE_DIRECTORY ${_folder})
    set_tests_properties(${_part} PROPERTIES TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT} ENVIRONMENT
      "${_environment};TEST_TMPDIR=${_folder};GTEST_TOTAL_SHARDS=${ARG_SHARDS};GTEST_SHARD_INDEX=${_index}")
  endforeach()
endfunction()
