#include "content/private_folder.h"

namespace loupe {

std::error_code MakePrivateFolder(const std::filesystem::path& folder) {
  std::error_code error, ignored;
  std::filesystem::create_directories(folder, error);
  if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
  return error;
}

}  // namespace loupe
