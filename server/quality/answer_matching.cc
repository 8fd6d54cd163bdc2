#include "server/quality/answer_matching.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace loupe::quality {
namespace {

struct PlacedBox {
  const AnswerBox* box;
  size_t answer;
  int32_t place;
};

struct Pair {
  double iou;
  size_t first, second;  // in the list of all boxes, first < second
};

double Area(const AnswerBox& box) {
  return (double{box.corners[2]} - box.corners[0]) * (double{box.corners[3]} - box.corners[1]);
}

// The pairs of different answers that may mean the same thing, the closest first.
std::vector<Pair> ClosePairs(const std::vector<PlacedBox>& boxes) {
  std::vector<size_t> by_left(boxes.size());
  std::iota(by_left.begin(), by_left.end(), size_t{0});
  std::stable_sort(by_left.begin(), by_left.end(),
                   [&](size_t a, size_t b) { return boxes[a].box->corners[0] < boxes[b].box->corners[0]; });
  std::vector<Pair> pairs;
  for (size_t i = 0; i < by_left.size(); ++i) {
    for (size_t j = i + 1; j < by_left.size(); ++j) {
      const PlacedBox &one = boxes[by_left[i]], &other = boxes[by_left[j]];
      if (other.box->corners[0] >= one.box->corners[2]) break;  // and so are all that follow
      if (one.answer == other.answer) continue;
      const double iou = Iou(*one.box, *other.box);
      if (iou < kSameThing) continue;
      pairs.push_back({iou, std::min(by_left[i], by_left[j]), std::max(by_left[i], by_left[j])});
    }
  }
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return std::tie(b.iou, a.first, a.second) < std::tie(a.iou, b.first, b.second);
  });
  return pairs;
}

}  // namespace

Answer AnswerOf(std::span<const v1::LabelBox> boxes) {
  Answer answer;
  for (const v1::LabelBox& box : boxes) {
    if (box.ignore()) continue;
    answer.push_back({{box.box().x1(), box.box().y1(), box.box().x2(), box.box().y2()},
                      static_cast<int32_t>(box.label())});
  }
  return answer;
}

double Iou(const AnswerBox& first, const AnswerBox& second) {
  const auto &a = first.corners, &b = second.corners;
  const double width = double{std::min(a[2], b[2])} - std::max(a[0], b[0]);
  const double height = double{std::min(a[3], b[3])} - std::max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const double both = width * height;
  return both / (Area(first) + Area(second) - both);
}

std::vector<Thing> MatchAnswers(std::span<const Answer> answers) {
  std::vector<PlacedBox> boxes;
  for (size_t answer = 0; answer < answers.size(); ++answer) {
    for (size_t place = 0; place < answers[answer].size(); ++place) {
      boxes.push_back({&answers[answer][place], answer, static_cast<int32_t>(place)});
    }
  }
  std::vector<size_t> thing_of(boxes.size());
  std::iota(thing_of.begin(), thing_of.end(), size_t{0});
  std::vector<Thing> things(boxes.size(), Thing(answers.size(), kNoBox));
  for (size_t i = 0; i < boxes.size(); ++i) things[i][boxes[i].answer] = boxes[i].place;

  for (const Pair& pair : ClosePairs(boxes)) {
    const size_t kept = std::min(thing_of[pair.first], thing_of[pair.second]);
    const size_t joined = std::max(thing_of[pair.first], thing_of[pair.second]);
    if (kept == joined) continue;
    bool clash = false;
    for (size_t answer = 0; answer < answers.size(); ++answer)
      clash = clash || (things[kept][answer] != kNoBox && things[joined][answer] != kNoBox);
    if (clash) continue;
    for (size_t answer = 0; answer < answers.size(); ++answer) {
      if (things[joined][answer] == kNoBox) continue;
      things[kept][answer] = things[joined][answer];
      things[joined][answer] = kNoBox;
    }
    for (size_t& thing : thing_of) {
      if (thing == joined) thing = kept;
    }
  }
  std::erase_if(things, [](const Thing& thing) {
    return std::all_of(thing.begin(), thing.end(), [](int32_t place) { return place == kNoBox; });
  });
  return things;
}

}  // namespace loupe::quality
