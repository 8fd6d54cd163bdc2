# Compiler settings shared by every target of the project, and the functions that make targets.

find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers carry time stamps; without the sloppiness ccache never hits on files that use one.
  # Asking the compiler for the dependencies saves a run of the preprocessor on every miss.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1 ${CCACHE})
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
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize-recover=all
                      "SHELL:-include ${CMAKE_SOURCE_DIR}/tests/fuzz/vector_for_libtorch.h")
endif()

# loupe_library(NAME SOURCES a.cc … LIBS lib …): a static library; LIBS are public.
function(loupe_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LIBS} PRIVATE loupe_options)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# loupe_program(NAME SOURCES a.cc … LIBS lib …): an executable in build/<preset>/bin.
function(loupe_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} loupe_options)
endfunction()

# loupe_parses_torch(NAME): for a target most of whose files include LibTorch's headers, which take most of
# the time that such a file takes to compile. Where headers may be precompiled (preset dev: one file is
# compiled after a change) they are, elsewhere several files are compiled as one.
function(loupe_parses_torch name)
  if(CMAKE_DISABLE_PRECOMPILE_HEADERS)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON)
  else()
    target_precompile_headers(${name} REUSE_FROM loupe_safetensors)
  endif()
endfunction()

# loupe_test(NAME SOURCES a.cc … LIBS lib … [TIMEOUT s]): one GoogleTest binary, one ctest entry. A binary and
# not a case is the unit, since a binary makes its database or its server once.
function(loupe_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main loupe_options)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT
    "LOUPE_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};LOUPE_SOURCE=${CMAKE_SOURCE_DIR}")
endfunction()

# OpenCV by its three libraries. Debian keeps OpenCVConfig.cmake in libopencv-dev, which pulls in every module
# with its dependencies (a gigabyte); the three -dev packages that are enough have none.
find_path(OPENCV_INCLUDE_DIR opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4 REQUIRED)
add_library(loupe_opencv INTERFACE)
target_include_directories(loupe_opencv SYSTEM INTERFACE ${OPENCV_INCLUDE_DIR})
foreach(_module core imgproc imgcodecs)
  find_library(OPENCV_${_module}_LIBRARY opencv_${_module} REQUIRED)
  target_link_libraries(loupe_opencv INTERFACE ${OPENCV_${_module}_LIBRARY})
endforeach()

# oneDNN by its library: Debian's dnnl-config.cmake asks for OpenCL's development files, which nothing here
# includes.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(loupe_onednn INTERFACE)
target_include_directories(loupe_onednn SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(loupe_onednn INTERFACE ${DNNL_LIBRARY})
