#include "db/stores/representation_store.h"

#include "db/rows/labeling_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

std::vector<ImageTraits> TraitsOf(const pqxx::result& rows) {
  std::vector<ImageTraits> traits;
  for (const auto& row : rows) {
    traits.push_back(
        {BytesOf(row[0]), row[1].as<uint32_t>(), row[2].as<uint32_t>(), Nullable<float>(row[3])});
  }
  return traits;
}

}  // namespace

PoolSample ReadPoolSample(Transaction& transaction, ProjectId project, ModelId model, int limit) {
  PoolSample sample;
  for (const auto& row : transaction.Exec("SelectPoolSample", project, model, limit)) {
    v1::ImagePrediction& prediction = sample.predictions.emplace_back();
    for (const int64_t label : IntegersOf(row[0])) prediction.add_labels(static_cast<uint32_t>(label));
    for (const float score : FloatsOf(row[1])) prediction.add_scores(score);
    sample.unlabelled = row[2].as<uint64_t>();
  }
  return sample;
}

std::vector<ImageTraits> ReadPoolTraits(Transaction& transaction, ProjectId project, ModelId model,
                                        bool labelled, int limit) {
  return TraitsOf(transaction.Exec("SelectPoolTraits", project, model, labelled, limit));
}

std::vector<ImageTraits> ReadRandomSliceTraits(Transaction& transaction, const RandomDraw& draw, int limit) {
  return TraitsOf(transaction.Exec("SelectRandomSliceTraits", draw.ranking, draw.size, limit));
}

std::vector<ImageTraits> ReadRandomRestTraits(Transaction& transaction, const RandomDraw& draw, int limit) {
  return TraitsOf(transaction.Exec("SelectRandomRestTraits", draw.ranking, draw.size, limit));
}

SetAside ReadSetAside(Transaction& transaction, ProjectId project, ModelId model) {
  const pqxx::result rows = transaction.Exec("SelectSetAside", project, model);
  if (rows.empty()) return {};
  return {rows[0][0].as<uint64_t>(), rows[0][1].as<std::string>(), rows[0][2].as<std::string>()};
}

std::vector<PictureHash> ReadPictureHashes(Transaction& transaction, ProjectId project, v1::Side side) {
  std::vector<PictureHash> hashes;
  for (const auto& row : transaction.Exec("SelectPictureHashes", project, SideName(side))) {
    hashes.push_back({row[0].as<std::string>(), static_cast<uint64_t>(row[1].as<int64_t>())});
  }
  return hashes;
}

}  // namespace loupe
