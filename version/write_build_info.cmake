# Writes build_info.cc, and only when its content changes: a new commit compiles this one file and links the
# programs again.
#   cmake -DOUT=build_info.cc -DSOURCE=dir -DVERSION=0.1.0 [-DCOMMIT=a4129cb] -P write_build_info.cmake
if(NOT COMMIT)
  # A source tarball may lie in somebody else's repository: --show-cdup is empty only at the top of a
  # repository.
  execute_process(COMMAND git -C ${SOURCE} rev-parse --show-cdup --short=7 HEAD
    OUTPUT_VARIABLE _lines RESULT_VARIABLE _result ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(_result EQUAL 0 AND _lines MATCHES "^\n([0-9a-f]+)$")
    set(COMMIT ${CMAKE_MATCH_1})
  else()
    set(COMMIT unknown)
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT [[
namespace loupe {

extern const char kVersion[];
extern const char kCommit[];
const char kVersion[] = "@VERSION@";
const char kCommit[] = "@COMMIT@";

}  // namespace loupe
]])
