// Whatever annotators do and whenever a ranking is switched, each image of the pool is in one state.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

class ImageStateTest : public LabelingTest {
 protected:
  ImageStateTest() : LabelingTest(2) {
    for (int i = 0; i < 3; ++i) tokens_.push_back(coordinator_.Token(v1::ANNOTATOR));
  }

  struct Opened {
    std::string token;
    v1::Task task;
  };

  void Open() {
    const std::string& token = tokens_[random_() % tokens_.size()];
    const auto tasks = Next(token, 1 + random_() % 3);
    ASSERT_TRUE(tasks.ok()) << tasks.status();
    for (const v1::Task& task : *tasks) opened_.push_back({token, task});
  }

  Opened TakeOpened() {
    const auto chosen = opened_.begin() + static_cast<std::ptrdiff_t>(random_() % opened_.size());
    Opened opened = *chosen;
    opened_.erase(chosen);
    return opened;
  }

  void SubmitOne() {
    const Opened opened = TakeOpened();
    ASSERT_TRUE(Submit(opened.token, CorrectionOf(opened.task)).ok());
  }

  void Skip() {
    const Opened opened = TakeOpened();
    ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, opened.token, SkipOf(opened.task)).ok());
  }

  void Release() {
    const Opened opened = TakeOpened();
    ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, opened.token, ReleaseOf({opened.task})).ok());
  }

  void ExpectOneStateEach() {
    const v1::ProjectStatus status = Status();
    const int64_t images = Number("SELECT count(*) FROM image");
    const int64_t labelled = Number("SELECT count(*) FROM image WHERE truth_revision_id IS NOT NULL");
    EXPECT_EQ(static_cast<int64_t>(status.pool_images()), images);
    EXPECT_EQ(static_cast<int64_t>(status.pool_labelled()), labelled);
    EXPECT_EQ(Number("SELECT count(*) FROM image JOIN lease ON subject_id = image.id AND purpose = 'label' "
                     "WHERE truth_revision_id IS NOT NULL"),
              0)
        << "labelled, and given to somebody";
    EXPECT_EQ(Number("SELECT count(*) FROM task FULL JOIN lease ON lease.task_id = task.id AND lease.purpose "
                     "= 'label' "
                     "WHERE (task.state = 'leased') IS DISTINCT FROM (lease.number IS NOT NULL)"),
              0)
        << "a task without its lease, or a lease without its task";
    EXPECT_EQ(Number("SELECT count(*) - count(DISTINCT image_id) FROM task WHERE state = 'leased'"), 0);
    EXPECT_EQ(Number("SELECT count(*) FROM label_revision"), labelled) << "answered once each";
    EXPECT_EQ(status.open_leases(), opened_.size());
    int64_t queue = 0;
    const auto listed = Rpc(*stub_, &Labeling::ListQueue, engineer_, v1::ListQueueRequest());
    ASSERT_TRUE(listed.ok()) << listed.status();
    for (const v1::QueueEntry& entry : listed->entries()) {
      const int64_t id = entry.image().id();
      const bool is_open = std::any_of(opened_.begin(), opened_.end(),
                                       [&](const Opened& opened) { return opened.task.image().id() == id; });
      const bool is_labelled =
          Number(absl::StrCat("SELECT count(*) FROM image WHERE truth_revision_id IS NOT NULL AND id = ",
                              id)) == 1;
      EXPECT_EQ(entry.state(), is_labelled ? "answered" : is_open ? "leased" : "waiting") << id;
      queue += is_labelled ? 0 : 1;
    }
    EXPECT_EQ(static_cast<int64_t>(status.queue_length()), queue);
  }

  std::mt19937 random_{5};
  std::vector<std::string> tokens_;
  std::vector<Opened> opened_;
};

TEST_F(ImageStateTest, EveryImageIsInOneStateWhateverHappens) {
  Import(24);
  for (int step = 0; step < 60; ++step) {
    if (step == 20) {
      std::vector<int64_t> images(24);
      for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<int64_t>(i) + 1;
      std::shuffle(images.begin(), images.end(), random_);
      RankByModel(images);
    }
    if (step == 30) Import(6, 100);
    if (step == 40) {
      LetLeasesEnd();
      opened_.clear();
    }
    const unsigned what = random_() % 8;
    if (opened_.empty() || what < 3) {
      Open();
    } else if (what < 5) {
      SubmitOne();
    } else {
      what == 5 ? Skip() : Release();
    }
    ExpectOneStateEach();
    if (HasFailure()) FAIL() << "at step " << step;
  }
  while (!opened_.empty()) SubmitOne();
  const std::string fresh = coordinator_.Token(v1::ANNOTATOR);
  for (auto tasks = Next(fresh, 3); !tasks->empty(); tasks = Next(fresh, 3)) {
    for (const v1::Task& task : *tasks) ASSERT_TRUE(Submit(fresh, CorrectionOf(task)).ok());
  }
  ExpectOneStateEach();
  EXPECT_EQ(Status().pool_labelled(), 30U) << "in the end each was served and answered";
}

}  // namespace
}  // namespace loupe
