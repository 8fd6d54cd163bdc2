#include "db/search/image_search.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/search/image_set.h"
#include "db/transaction.h"

namespace loupe {
namespace {

// So many changed images are read themselves, for each page.
constexpr int kMostChanged = 1'000;
// Of so many images, names or values are fetched and sorted; of more, they are walked in their order.
constexpr uint64_t kMostSorted = 5'000;
// So many images whose names begin with a text become a set; with more, each image is asked for its name.
constexpr int kMostNamed = 20'000;
constexpr int kNamesAtATime = 2'000;
constexpr size_t kValuesAtATime = 16;
// Comes after all values, and before none of them in the other order: the images without one.
constexpr char kNoValue[] = "\x7f";

// Sets of images by facet, as they are now.
class FacetReader {
 public:
  FacetReader(Transaction& transaction, ProjectId project) : transaction_(transaction), project_(project) {
    std::vector<int64_t> images;
    for (const auto& row : transaction.Exec("SelectChangedImages", project, kMostChanged + 1)) {
      images.push_back(row[0].as<int64_t>());
    }
    is_behind_ = images.size() > kMostChanged;
    if (is_behind_ || images.empty()) return;
    for (const int64_t image : images) changed_[image];
    for (const auto& row : transaction.Exec("SelectFacetsOfImages", images)) {
      changed_[row["image_id"].as<int64_t>()].emplace_back(row["kind"].as<std::string>(),
                                                           row["value"].as<std::string>());
    }
  }

  bool is_behind() const { return is_behind_; }

  // Blocks that may hold images of the project, in order.
  std::set<int64_t> Blocks() const {
    std::set<int64_t> blocks;
    for (const auto& row : transaction_.Exec("SelectImageBlocks", project_)) {
      blocks.insert(row[0].as<int64_t>());
    }
    for (const auto& [image, facets] : changed_) blocks.insert(ImageSet::BlockOf(image));
    return blocks;
  }

  // For each condition the images that are in one of its sets, whatever its `in_none` says.
  std::vector<ImageSet> Read(const std::vector<FacetCondition>& conditions, int64_t first_block,
                             int64_t last_block) const {
    std::vector<size_t> places;
    std::vector<std::string> kinds;
    std::vector<std::string> lows;
    std::vector<std::string> highs;
    for (size_t i = 0; i < conditions.size(); ++i) {
      for (const FacetRange& range : conditions[i].sets) {
        places.push_back(i);
        kinds.push_back(range.kind);
        lows.push_back(range.low);
        highs.push_back(range.high);
      }
    }
    std::vector<ImageSet> sets(conditions.size());
    for (const auto& row : transaction_.Exec("SelectFacetBits", project_, places, kinds, lows, highs,
                                             first_block, last_block)) {
      sets[row[0].as<size_t>()].AddBlock(row[1].as<int64_t>(), BytesOf(row[2]));
    }
    for (const auto& [image, facets] : changed_) {
      const int64_t block = ImageSet::BlockOf(image);
      if (block < first_block || block > last_block) continue;
      for (size_t i = 0; i < conditions.size(); ++i) sets[i].Set(image, IsIn(facets, conditions[i].sets));
    }
    return sets;
  }

  // The images that meet all conditions.
  ImageSet Matching(const std::vector<FacetCondition>& conditions, int64_t first_block,
                    int64_t last_block) const {
    const std::vector<ImageSet> sets = Read(conditions, first_block, last_block);
    std::optional<ImageSet> matching;
    for (size_t i = 0; i < sets.size(); ++i) {
      if (conditions[i].in_none) continue;
      if (!matching.has_value()) {
        matching = sets[i];
      } else {
        matching->Keep(sets[i]);
      }
    }
    for (size_t i = 0; i < sets.size(); ++i) {
      if (conditions[i].in_none) matching->Remove(sets[i]);
    }
    return *std::move(matching);
  }

  // The values of a kind from `low` to `high`, in order.
  std::set<std::string> Values(const std::string& kind, const std::string& low,
                               const std::string& high) const {
    std::set<std::string> values;
    for (const auto& row : transaction_.Exec("SelectFacetValues", project_, kind, low, high)) {
      values.insert(row[0].as<std::string>());
    }
    for (const auto& [image, facets] : changed_) {
      for (const auto& [one, value] : facets) {
        if (one == kind && value >= low && value <= high) values.insert(value);
      }
    }
    return values;
  }

 private:
  using Facets = std::vector<std::pair<std::string, std::string>>;  // kinds and values

  static bool IsIn(const Facets& facets, const std::vector<FacetRange>& sets) {
    return std::ranges::any_of(facets, [&](const auto& facet) {
      return std::ranges::any_of(sets, [&](const FacetRange& range) {
        return facet.first == range.kind && facet.second >= range.low && facet.second <= range.high;
      });
    });
  }

  Transaction& transaction_;
  const ProjectId project_;
  bool is_behind_ = false;
  std::map<int64_t, Facets> changed_;  // what is known of the images that have changed
};

// Takes images in order until there are enough, or no time is left.
class PageFiller {
 public:
  PageFiller(Transaction& transaction, const std::string& asked_name_start, int size, absl::Time deadline)
      : transaction_(transaction),
        asked_name_start_(asked_name_start),
        size_(static_cast<size_t>(size)),
        deadline_(deadline) {}

  // Whether to go on.
  bool Take(ImagePlace place) {
    waiting_.push_back(std::move(place));
    return waiting_.size() < at_a_time_ || TakeWaiting();
  }

  // The search has come so far. Whether to go on.
  bool Pass(ImagePlace place) {
    if (!TakeWaiting()) return false;
    last_seen_ = std::move(place);
    stopped_ = !HasTime();
    return !stopped_;
  }

  // Requires: either all images were taken, or Take or Pass returned false.
  void Finish(ImagePage& page) {
    const bool all_seen = TakeWaiting() && !stopped_;
    if (found_.size() > size_) {
      found_.resize(size_);
      page.last = found_.back();
    } else if (!all_seen) {
      page.last = last_seen_;
    }
    for (const ImagePlace& place : found_) page.images.push_back(place.image);
  }

 private:
  bool HasTime() const { return absl::Now() < deadline_; }

  bool TakeWaiting() {
    if (stopped_) return false;
    if (waiting_.empty()) return true;
    std::set<int64_t> named;
    if (!asked_name_start_.empty()) {
      std::vector<int64_t> images;
      for (const ImagePlace& place : waiting_) images.push_back(place.image);
      for (const auto& row : transaction_.Exec("SelectImagesOfNameStart", images, asked_name_start_)) {
        named.insert(row[0].as<int64_t>());
      }
      at_a_time_ = 1'000;
    }
    for (ImagePlace& place : waiting_) {
      last_seen_ = place;
      if (asked_name_start_.empty() || named.contains(place.image)) found_.push_back(std::move(place));
      if (found_.size() > size_) break;
    }
    waiting_.clear();
    stopped_ = found_.size() > size_ || !HasTime();
    return !stopped_;
  }

  Transaction& transaction_;
  const std::string asked_name_start_;  // empty: names aren't asked for
  const size_t size_;
  const absl::Time deadline_;
  size_t at_a_time_ = 200;
  std::vector<ImagePlace> waiting_;
  std::vector<ImagePlace> found_;
  ImagePlace last_seen_;
  bool stopped_ = false;
};

class Search {
 public:
  Search(Transaction& transaction, const ImageQuery& query, const std::optional<ImagePlace>& after, int size,
         absl::Time deadline)
      : transaction_(transaction),
        query_(query),
        after_(after),
        reader_(transaction, query.project),
        blocks_(reader_.Blocks()),
        named_(NamedImages()),
        filler_(transaction, AsksNames() ? query.name_start : "", size, deadline) {}

  ImagePage Run() {
    ImagePage page;
    page.is_behind = reader_.is_behind() || ScoresAreBehind();
    if (blocks_.empty()) return page;
    switch (query_.order) {
      case v1::BY_FILE_NAME:
        WalkNames(page);
        break;
      case v1::BY_LABELLED_DAY:
        WalkValues("day", "labelled", "SelectDaysOfImages", page);
        break;
      case v1::BY_SCORE:
        WalkValues("score", "scored", "SelectScoresOfImages", page);
        break;
      default:
        WalkIds(page);
    }
    filler_.Finish(page);
    return page;
  }

 private:
  // The images whose names begin as asked for; nullopt: they are too many, or whatever names are meant.
  std::optional<ImageSet> NamedImages() {
    if (query_.name_start.empty()) return std::nullopt;
    const pqxx::result rows =
        transaction_.Exec("SelectImagesByNameStart", query_.project, query_.name_start, kMostNamed + 1);
    if (rows.size() > kMostNamed) return std::nullopt;
    ImageSet named;
    for (const auto& row : rows) named.Set(row[0].as<int64_t>(), true);
    return named;
  }

  bool AsksNames() const { return !query_.name_start.empty() && !named_.has_value(); }

  bool ScoresAreBehind() {
    const bool asks_score = query_.order == v1::BY_SCORE ||
                            std::ranges::any_of(query_.conditions, [](const FacetCondition& condition) {
                              return condition.sets[0].kind == "score";
                            });
    return asks_score && transaction_.Exec("SelectScoresAreBehind", query_.project)[0][0].as<bool>();
  }

  ImageSet Matching(int64_t first_block, int64_t last_block) {
    ImageSet matching = reader_.Matching(query_.conditions, first_block, last_block);
    if (named_.has_value()) matching.Keep(*named_);
    return matching;
  }

  // Of all blocks. Counts them, for the first page.
  ImageSet AllMatching(ImagePage& page) {
    ImageSet matching = Matching(*blocks_.begin(), *blocks_.rbegin());
    if (!after_.has_value() && !AsksNames()) page.total = matching.Size();
    return matching;
  }

  int64_t Beginning() const { return query_.descending ? Above() : -1; }
  int64_t Ending() const { return query_.descending ? -1 : Above(); }
  int64_t Above() const { return (*blocks_.rbegin() + 1) * ImageSet::kBlockImages; }

  // Whether to go on.
  bool WalkSet(const ImageSet& set, const std::string& key, int64_t after) {
    bool goes_on = true;
    set.Walk(after, query_.descending, [&](int64_t image) {
      goes_on = filler_.Take({key, image});
      return goes_on;
    });
    return goes_on;
  }

  // The first page reads all blocks, to count. Others read more of them at each step.
  void WalkIds(ImagePage& page) {
    const int64_t after = after_.has_value() ? after_->image : Beginning();
    if (!after_.has_value()) {
      WalkSet(AllMatching(page), "", after);
      return;
    }
    std::vector<int64_t> blocks(blocks_.begin(), blocks_.end());
    const auto is_passed = [&](int64_t block) {
      return query_.descending ? block > ImageSet::BlockOf(after) : block < ImageSet::BlockOf(after);
    };
    if (query_.descending) std::ranges::reverse(blocks);
    std::erase_if(blocks, is_passed);
    size_t step = 1;
    for (size_t begin = 0; begin < blocks.size(); begin += step, step *= 4) {
      step = std::min(step, blocks.size() - begin);
      const int64_t last = blocks[begin + step - 1];
      const auto [low, high] = std::minmax(blocks[begin], last);
      if (!WalkSet(Matching(low, high), "", after)) return;
      const int64_t passed =
          query_.descending ? last * ImageSet::kBlockImages : (last + 1) * ImageSet::kBlockImages - 1;
      if (begin + step < blocks.size() && !filler_.Pass({"", passed})) return;
    }
  }

  void WalkNames(ImagePage& page) {
    const ImageSet matching = AllMatching(page);
    if (matching.Size() <= kMostSorted) {
      WalkSorted(matching, "SelectNamesOfImages");
      return;
    }
    std::optional<std::string> name;
    int64_t image = 0;
    if (after_.has_value()) {
      name = after_->key;
      image = after_->image;
    } else if (!query_.descending) {
      name = "";
    }
    for (;;) {
      const pqxx::result rows =
          transaction_.Exec(query_.descending ? "SelectImagesByNameDown" : "SelectImagesByName",
                            query_.project, name, image, kNamesAtATime);
      for (const auto& row : rows) {
        image = row[0].as<int64_t>();
        name = row[1].as<std::string>();
        if (matching.Contains(image) && !filler_.Take({*name, image})) return;
      }
      if (rows.size() < kNamesAtATime || !filler_.Pass({*name, image})) return;
    }
  }

  // In order of what the statement tells of these images. Whether to go on.
  bool WalkSorted(const ImageSet& matching, const char* keys_of_images) {
    std::vector<int64_t> images;
    matching.Walk(-1, false, [&](int64_t image) {
      images.push_back(image);
      return true;
    });
    std::vector<std::pair<std::string, int64_t>> places;
    for (const auto& row : transaction_.Exec(keys_of_images, images)) {
      places.emplace_back(row[1].as<std::string>(), row[0].as<int64_t>());
    }
    std::ranges::sort(places);
    if (query_.descending) std::ranges::reverse(places);
    for (const auto& place : places) {
      if (!IsPassed(place) && !filler_.Take({place.first, place.second})) return false;
    }
    return true;
  }

  bool IsPassed(const std::pair<std::string, int64_t>& place) const {
    if (!after_.has_value()) return false;
    if (after_->key == kNoValue) return true;
    const std::pair<std::string, int64_t> after{after_->key, after_->image};
    return query_.descending ? place >= after : place <= after;
  }

  // In order of the values of a kind of which each image has at most one; then those without one, which are
  // not in the set of the kind `has_one`. The statement tells the values of a few images.
  void WalkValues(const char* kind, const char* has_one, const char* values_of_images, ImagePage& page) {
    ImageSet matching = AllMatching(page);
    ImageSet others = matching;
    others.Remove(ReadAll({FacetCondition{{{has_one, "", ""}}}})[0]);
    matching.Remove(others);
    const bool goes_on = matching.Size() <= kMostSorted ? WalkSorted(matching, values_of_images)
                                                        : WalkSetsOfValues(kind, matching);
    if (goes_on) WalkSet(others, kNoValue, AfterIn(kNoValue));
  }

  // Whether to go on.
  bool WalkSetsOfValues(const char* kind, const ImageSet& matching) {
    const std::set<std::string> all = reader_.Values(kind, "", kNoValue);
    std::vector<std::string> values(all.begin(), all.end());
    if (query_.descending) std::ranges::reverse(values);
    if (after_.has_value()) {
      std::erase_if(values, [&](const std::string& value) {
        return after_->key == kNoValue || (query_.descending ? value > after_->key : value < after_->key);
      });
    }
    size_t step = 2;
    for (size_t begin = 0; begin < values.size(); begin += step, step = 4 * step) {
      step = std::min({step, values.size() - begin, kValuesAtATime});
      std::vector<FacetCondition> conditions;
      for (size_t i = begin; i < begin + step; ++i) {
        conditions.push_back(FacetCondition{{{kind, values[i], values[i]}}});
      }
      std::vector<ImageSet> sets = ReadAll(conditions);
      for (size_t i = 0; i < step; ++i) {
        sets[i].Keep(matching);
        if (!WalkSet(sets[i], values[begin + i], AfterIn(values[begin + i]))) return false;
      }
      if (!filler_.Pass({values[begin + step - 1], Ending()})) return false;
    }
    return true;
  }

  std::vector<ImageSet> ReadAll(const std::vector<FacetCondition>& conditions) const {
    return reader_.Read(conditions, *blocks_.begin(), *blocks_.rbegin());
  }

  int64_t AfterIn(const std::string& key) const {
    return after_.has_value() && after_->key == key ? after_->image : Beginning();
  }

  Transaction& transaction_;
  const ImageQuery& query_;
  const std::optional<ImagePlace>& after_;
  const FacetReader reader_;
  const std::set<int64_t> blocks_;
  const std::optional<ImageSet> named_;
  PageFiller filler_;
};

}  // namespace

ImagePage SearchImages(Transaction& transaction, const ImageQuery& query,
                       const std::optional<ImagePlace>& after, int size, absl::Time deadline) {
  return Search(transaction, query, after, size, deadline).Run();
}

std::vector<v1::FoundImage> ReadFoundImages(Transaction& transaction, const std::vector<int64_t>& images) {
  absl::flat_hash_map<int64_t, v1::FoundImage> found;
  for (const auto& row : transaction.Exec("SelectFoundImages", images)) {
    v1::FoundImage& image = found[row["id"].as<int64_t>()];
    *image.mutable_image() = ShownImage(row);
    image.set_labelled_by(row["labelled_by"].as<std::string>());
    if (!row["labelled_at"].is_null()) *image.mutable_labelled_at() = TimestampOf(row["labelled_at"]);
    image.set_boxes(row["boxes"].as<uint32_t>());
    if (const auto score = Nullable<float>(row["score"])) image.set_score(*score);
  }
  std::vector<v1::FoundImage> ordered;
  for (const int64_t image : images) {
    if (const auto one = found.find(image); one != found.end()) ordered.push_back(std::move(one->second));
  }
  return ordered;
}

}  // namespace loupe
