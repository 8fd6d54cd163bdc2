// Tasks with a planted error: what is needed to make one, and what became of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

class Transaction;

struct Planting {
  double share = 0;     // of an annotator's assisted tasks
  ModelId model;        // whose boxes are imitated; none: no model serves
  double assisted = 0;  // of the tasks that the ranking serves next
};

// nullopt: nothing is planted in the project.
std::optional<Planting> FindPlanting(Transaction& transaction, ProjectId project);

// A box as a task shows it. `partner`: the corners of the box that the model saw in the mirrored image;
// empty: not known.
struct PatternBox {
  std::array<float, 4> corners{};
  uint32_t label = 0;
  float score = 0;
  std::vector<float> partner;
};

// What one of the next assisted tasks of the ranking shows.
struct PatternTask {
  ImageId image;
  uint32_t width = 0;  // of its picture
  uint32_t height = 0;
  float least_score = 0;          // of boxes that are shown
  std::vector<PatternBox> boxes;  // by falling score
};

// That of one of the next 20, which `luck`, in [0, 1), says. nullopt: none is left.
std::optional<PatternTask> ReadPattern(Transaction& transaction, ProjectId project, double luck);

struct PlantableImage {
  ImageId image;
  uint32_t width = 0;
  uint32_t height = 0;
  std::vector<v1::LabelBox> truth;
};

// Images of the pool with at most so many true boxes that somebody else has labelled blind, or decided
// between two answers, or that are gold, and that this person was never given: at most 100, with ids near to
// `near`.
std::vector<PlantableImage> FindPlantable(Transaction& transaction, ProjectId project, PrincipalId principal,
                                          size_t most_boxes, ImageId near);

struct ErrorRow {
  std::string kind;  // as the schema spells it
  uint32_t label = 0;
  std::array<float, 4> corners{};
};

struct TaskToPlant {
  ImageId image;
  ModelId model;
  std::vector<uint32_t> labels;
  std::vector<float> corners;  // four of each box
  std::vector<float> scores;
  std::vector<float> partners;  // four of each box, or none
  ErrorRow error;
};

// nullopt: somebody took the image meanwhile.
std::optional<TaskId> PlantTask(Transaction& transaction, ProjectId project, PrincipalId principal,
                                const TaskToPlant& task);

// Serves one again that this person released, or let expire; `skipped`: that this person skipped. nullopt:
// there is none.
std::optional<TaskId> PlantAgain(Transaction& transaction, ProjectId project, PrincipalId principal,
                                 bool skipped);

// How often this person has answered an image whose task was planted.
uint32_t CountPlantedAnswers(Transaction& transaction, ImageId image, PrincipalId principal);

struct PlantedAnswer {
  std::string reviewer;
  ImageId image;
  ErrorRow error;
  std::vector<v1::LabelBox> boxes;
};

// The last `most` of each person, in order of name, the latest first.
std::vector<PlantedAnswer> ReadPlantedAnswers(Transaction& transaction, ProjectId project, uint32_t most);

// One person's, to these images.
std::vector<PlantedAnswer> ReadPlantedAnswersOf(Transaction& transaction, ProjectId project,
                                                PrincipalId principal, const std::vector<ImageId>& images);

}  // namespace loupe
