// Files over HTTP: whole or in part, and only if the client hasn't got them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "content/file_handle.h"
#include "server/gateway/http_exchange.h"

namespace loupe {

// The bytes that a Range header asks for, of `size_bytes`. One range alone: of others all bytes are sent.
struct AskedRange {
  bool is_partial = false;
  bool is_satisfiable = true;
  uint64_t begin = 0;
  uint64_t size_bytes = 0;
};
AskedRange ParseRange(std::string_view header, uint64_t size_bytes);

// Whether a header of entity tags, as If-None-Match, holds this one, or `*`.
bool HoldsTag(std::string_view header, const std::string& tag);

// Answers If-None-Match, Range and If-Range. `tag`: the file's entity tag, without quotes. `headers`: those
// that say what it is.
HttpAnswer FileAnswer(const HttpRequest& request, FileHandle file, const std::string& tag,
                      HttpHeaders headers);

}  // namespace loupe
