// Second opinions: answers that are kept beside the truth, to compare people.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

class Transaction;

// The truth of an image when its second opinion was given, and the opinion. Without boxes of retired classes.
struct OpinionPair {
  ImageId image;
  bool is_open = false;  // nobody has answered the image since
  std::string first_author;
  std::string second_author;
  std::vector<v1::LabelBox> first;
  std::vector<v1::LabelBox> second;
};

// Revision -> its boxes, without boxes of retired classes. One without boxes is left out.
std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadComparedBoxes(
    Transaction& transaction, ProjectId project, const std::vector<int64_t>& revisions);

// Of usable images whose truth of that time was not withdrawn, in order of image.
std::vector<OpinionPair> ReadOpinionPairs(Transaction& transaction, ProjectId project);

// Images for which a second person is still asked.
uint64_t CountWaitingForOpinion(Transaction& transaction, ProjectId project);

}  // namespace loupe
