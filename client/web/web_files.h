#pragma once

#include <span>
#include <string_view>

namespace loupe {

// A file of the web page, built into the program.
struct WebFile {
  std::string_view path;        // "/index.html", "/assets/index-3f2a9c1d.js"
  std::string_view media_type;  // for the header Content-Type
  std::string_view bytes;
  std::string_view gzip;  // the same, compressed; empty where that is no smaller
  bool immutable;         // the name has a hash of the content, so browsers may keep the file for good
};

// All files of the page, ordered by path.
std::span<const WebFile> WebFiles();

}  // namespace loupe
