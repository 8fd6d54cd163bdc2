# What loupe-worker alone needs.

find_package(Torch REQUIRED)

# oneDNN by its library: Debian's dnnl-config.cmake asks for OpenCL's development files, which nothing here
# includes.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(loupe_onednn INTERFACE)
target_include_directories(loupe_onednn SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(loupe_onednn INTERFACE ${DNNL_LIBRARY})
