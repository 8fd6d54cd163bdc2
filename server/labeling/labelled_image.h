// An image as people see it who label it.
#pragma once

#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/token.pb.h"

namespace loupe {

// Nobody sees whether an image was answered before: it would tell a second look from a first one. An
// annotator who knew that an image belongs to the holdout might label it differently.
inline void HideFromWhoLabels(v1::Role role, v1::Image& image) {
  image.clear_revisions();
  image.clear_labelled();
  if (role != v1::ANNOTATOR) return;
  image.clear_side();
  image.clear_sampling_key();
}

}  // namespace loupe
