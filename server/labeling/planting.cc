#include "server/labeling/planting.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <utility>

#include <openssl/rand.h>

#include "server/quality/planted_error.h"

namespace loupe {
namespace {

using quality::PlantedKind;

uint64_t RandomBits() {
  uint64_t bits = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&bits), sizeof(bits)) != 1) std::abort();
  return bits;
}

constexpr PlantedKind kKinds[] = {PlantedKind::kShifted, PlantedKind::kRelabelled, PlantedKind::kInvented,
                                  PlantedKind::kDeleted};

std::vector<quality::PlantingImage> ImagesOf(const std::vector<PlantableImage>& found) {
  std::vector<quality::PlantingImage> images;
  for (const PlantableImage& image : found) {
    images.push_back(
        {quality::AnswerOf(image.truth), static_cast<float>(image.width), static_cast<float>(image.height)});
  }
  return images;
}

quality::Pattern PatternOf(const PatternTask& task) {
  quality::Pattern pattern{
      {}, task.least_score, static_cast<float>(task.width), static_cast<float>(task.height)};
  for (const PatternBox& box : task.boxes)
    pattern.boxes.push_back({{box.corners, static_cast<int32_t>(box.label)}, box.score});
  return pattern;
}

// To the box as the pattern's partner is to the pattern's box; all 0 if it saw none.
std::array<float, 4> PartnerOf(const quality::AnswerBox& box, const PatternBox& pattern) {
  const std::span<const float, 4> partner(pattern.partner);
  if (std::all_of(partner.begin(), partner.end(), [](float corner) { return corner == 0; })) return {};
  return quality::LyingAlike(partner, pattern.corners, box.corners);
}

TaskToPlant TaskOf(const quality::PlantedTask& planted, const std::vector<PatternBox>& pattern) {
  TaskToPlant task;
  task.error = {quality::PlantedKindName(planted.kind), static_cast<uint32_t>(planted.error.label),
                planted.error.corners};
  const bool has_partners = std::all_of(pattern.begin(), pattern.end(),
                                        [](const PatternBox& box) { return box.partner.size() == 4; });
  for (size_t i = 0; i < planted.boxes.size(); ++i) {
    const quality::AnswerBox& box = planted.boxes[i].box;
    task.labels.push_back(static_cast<uint32_t>(box.label));
    task.corners.insert(task.corners.end(), box.corners.begin(), box.corners.end());
    task.scores.push_back(planted.boxes[i].score);
    if (!has_partners) continue;
    const std::array<float, 4> partner = PartnerOf(box, pattern[i]);
    task.partners.insert(task.partners.end(), partner.begin(), partner.end());
  }
  return task;
}

}  // namespace

void AwaitStep(const Stopwatch& since) {
  // Longer than most answers take.
  constexpr absl::Duration kStep = absl::Milliseconds(40);
  Event never;
  never.WaitFor(absl::Ceil(since.Elapsed(), kStep) - since.Elapsed());
}

Planter::Planter(Transaction& transaction, ProjectId project, PrincipalId principal)
    : project_(project), principal_(principal), planting_(FindPlanting(transaction, project)) {}

double Planter::Uniform() { return static_cast<double>(RandomBits() >> 11) * 0x1p-53; }

bool Planter::WantsOne() {
  if (!planting_.has_value() || !planting_->model) return false;
  const double share = planting_->share, assisted = planting_->assisted;
  // So that of all assisted tasks, those of the ranking and planted ones, this share is planted.
  return Uniform() < share * assisted / (1 - share + share * assisted);
}

void Planter::Prepare(Transaction& transaction) {
  prepared_.reset();
  if (!planting_.has_value() || !planting_->model) return;
  const auto imitated = ReadPattern(transaction, project_, Uniform());
  if (!imitated.has_value()) return;
  const quality::Pattern pattern = PatternOf(*imitated);
  // A few more than are shown: a model overlooks something.
  const auto found =
      FindPlantable(transaction, project_, principal_, pattern.boxes.size() + 2, imitated->image);
  const std::vector<quality::PlantingImage> images = ImagesOf(found);
  const uint64_t first_kind = RandomBits();
  for (uint64_t i = 0; i < std::size(kKinds); ++i) {
    const PlantedKind kind = kKinds[(first_kind + i) % std::size(kKinds)];
    const auto planted = quality::PlantError(images, pattern, kind, RandomBits());
    if (!planted.has_value()) continue;
    prepared_ = TaskOf(*planted, imitated->boxes);
    prepared_->image = found[planted->image].image;
    prepared_->model = planting_->model;
    return;
  }
}

std::optional<TaskId> Planter::Plant(Transaction& transaction) {
  if (!prepared_.has_value()) Prepare(transaction);
  if (!prepared_.has_value()) return std::nullopt;
  const auto planted = PlantTask(transaction, project_, principal_, *prepared_);
  prepared_.reset();
  return planted;
}

}  // namespace loupe
