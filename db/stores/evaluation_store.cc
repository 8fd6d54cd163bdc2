#include "db/stores/evaluation_store.h"

#include <optional>

#include "db/transaction.h"

namespace loupe {

std::vector<HoldoutImage> ReadHoldoutTruth(Transaction& transaction, ProjectId project) {
  std::vector<HoldoutImage> images;
  for (const auto& row : transaction.Exec("SelectHoldoutTruth", project)) {
    const auto id = IdOf<ImageId>(row[0]);
    if (images.empty() || images.back().id != id) images.push_back({id, row[1].as<double>(), {}});
    if (row[2].is_null()) continue;
    v1::LabelBox& box = images.back().boxes.emplace_back();
    box.set_label(row[2].as<uint32_t>());
    box.mutable_box()->set_x1(row[3].as<float>());
    box.mutable_box()->set_y1(row[4].as<float>());
    box.mutable_box()->set_x2(row[5].as<float>());
    box.mutable_box()->set_y2(row[6].as<float>());
    box.set_ignore(row[7].as<bool>());
  }
  return images;
}

uint64_t CountHoldoutUpTo(Transaction& transaction, ProjectId project, double sampling_key, ImageId image) {
  return transaction.Exec("CountHoldoutUpTo", project, sampling_key, image).at(0)[0].as<uint64_t>();
}

void InsertEvaluation(Transaction& transaction, ModelId model, RoundId round,
                      const v1::Evaluation& evaluation, const v1::Gate* gate) {
  const std::string result = evaluation.SerializeAsString();
  const std::string judged = gate == nullptr ? "" : gate->SerializeAsString();
  transaction.Exec("InsertEvaluation", model, round, SqlBytes{result}, SqlBytes{judged});
}

}  // namespace loupe
