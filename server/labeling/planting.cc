#include "server/labeling/planting.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <openssl/rand.h>

#include "db/stores/project_store.h"
#include "server/quality/planted_error.h"

namespace loupe {
namespace {

using quality::PlantedKind;

constexpr size_t kFewestPatterns = 20;

uint64_t RandomBits() {
  uint64_t bits = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&bits), sizeof(bits)) != 1) std::abort();
  return bits;
}

constexpr std::pair<PlantedKind, const char*> kKinds[] = {{PlantedKind::kShifted, "shifted"},
                                                          {PlantedKind::kRelabelled, "relabelled"},
                                                          {PlantedKind::kInvented, "invented"},
                                                          {PlantedKind::kDeleted, "deleted"}};

std::vector<int32_t> LabelsInUse(Transaction& transaction, ProjectId project) {
  std::vector<int32_t> labels;
  for (const v1::Class& known : ReadClasses(transaction, project)) {
    if (!known.retired()) labels.push_back(static_cast<int32_t>(known.label()));
  }
  return labels;
}

quality::PlantingImage ImageOf(const PlantableImage& found) {
  quality::PlantingImage image{{}, static_cast<float>(found.width), static_cast<float>(found.height)};
  for (const v1::LabelBox& box : found.truth) {
    image.truth.push_back({{box.box().x1(), box.box().y1(), box.box().x2(), box.box().y2()},
                           static_cast<int32_t>(box.label())});
  }
  return image;
}

// As far from the box as the pattern's partner is from the pattern's box, in parts of the sides; all 0 if it
// saw none.
std::array<float, 4> PartnerOf(const quality::AnswerBox& box, const PatternBox& pattern) {
  std::array<float, 4> partner{};
  if (std::all_of(pattern.partner.begin(), pattern.partner.end(), [](float corner) { return corner == 0; })) {
    return partner;
  }
  for (size_t i = 0; i < partner.size(); ++i) {
    const size_t axis = i % 2;
    const float length = box.corners[axis + 2] - box.corners[axis];
    const float its_length = pattern.corners[axis + 2] - pattern.corners[axis];
    partner[i] = box.corners[i] + (pattern.partner[i] - pattern.corners[i]) * length / its_length;
  }
  return partner;
}

TaskToPlant TaskOf(const quality::PlantedTask& planted, const char* kind,
                   const std::vector<PatternBox>& pattern) {
  TaskToPlant task;
  task.error = {kind, static_cast<uint32_t>(planted.error.label), planted.error.corners};
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

Planter::Planter(Transaction& transaction, ProjectId project, PrincipalId principal)
    : project_(project), principal_(principal), planting_(FindPlanting(transaction, project)) {
  if (planting_.has_value() && planting_->model)
    patterns_ = ListPatternTasks(transaction, project, planting_->model);
}

double Planter::Uniform() { return static_cast<double>(RandomBits() >> 11) * 0x1p-53; }

bool Planter::WantsOne() {
  if (patterns_.size() < kFewestPatterns) return false;
  const double share = planting_->share, assisted = planting_->assisted;
  // So that of all assisted tasks, those of the ranking and planted ones, this share is planted.
  return Uniform() < share * assisted / (1 - share + share * assisted);
}

std::optional<TaskId> Planter::Plant(Transaction& transaction) {
  const TaskId imitated = patterns_[RandomBits() % patterns_.size()];
  const std::vector<PatternBox> pattern = ReadPattern(transaction, imitated);
  std::vector<float> scores;
  for (const PatternBox& box : pattern) scores.push_back(box.score);
  const std::vector<int32_t> labels = LabelsInUse(transaction, project_);
  const uint64_t first_kind = RandomBits();
  for (uint64_t i = 0; i < std::size(kKinds); ++i) {
    const auto& [kind, name] = kKinds[(first_kind + i) % std::size(kKinds)];
    const std::optional<size_t> boxes = quality::TruthCount(kind, pattern.size());
    if (!boxes.has_value()) continue;
    const auto found = FindPlantable(transaction, project_, principal_, *boxes, Uniform());
    if (!found.has_value()) continue;
    const auto planted = quality::PlantError(ImageOf(*found), scores, labels, kind, RandomBits());
    if (!planted.has_value()) continue;
    TaskToPlant task = TaskOf(*planted, name, pattern);
    task.image = found->image;
    task.model = planting_->model;
    if (const auto made = PlantTask(transaction, project_, principal_, task); made.has_value()) return made;
  }
  return std::nullopt;
}

}  // namespace loupe
