# What decodes and encodes pictures.

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
