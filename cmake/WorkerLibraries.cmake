# What loupe-worker alone needs.

find_package(Torch REQUIRED)

# OpenCV by its three libraries. Debian keeps OpenCVConfig.cmake in libopencv-dev, which pulls in every module
# with its dependencies (a gigabyte); the three -dev packages that are enough have none.
find_path(OPENCV_INCLUDE_DIR opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4 REQUIRED)
add_library(loupe_opencv INTERFACE)
target_include_directories(loupe_opencv SYSTEM INTERFACE ${OPENCV_INCLUDE_DIR})
foreach(_module core imgproc imgcodecs)
  find_library(OPENCV_${_module}_LIBRARY opencv_${_module} REQUIRED)
  target_link_libraries(loupe_opencv INTERFACE ${OPENCV_${_module}_LIBRARY})
endforeach()

# What OpenCV's decoders use: JPEGs are decoded by libjpeg itself, and libtiff is asked for its errors.
find_package(JPEG REQUIRED)
find_package(TIFF REQUIRED)

# oneDNN by its library: Debian's dnnl-config.cmake asks for OpenCL's development files, which nothing here
# includes.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(loupe_onednn INTERFACE)
target_include_directories(loupe_onednn SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(loupe_onednn INTERFACE ${DNNL_LIBRARY})
