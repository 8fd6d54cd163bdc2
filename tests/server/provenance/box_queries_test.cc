// QueryBoxes and ExportBoxes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

// Image 1: a box of class 1 that `ann` drew. 2: two that she accepted (scores 0.9 and 0.4, classes 1 and 2);
// an engineer moved the second one later. 3: one that `bob` moved. 4: one that he relabelled. 5: one that he
// accepted with all others. 6: imported. 7: clean, by bob. 8: in the ranking, without a label.
class BoxQueryTest : public LabelingTest {
 protected:
  using Provenance = v1::ProvenanceService::Stub;

  BoxQueryTest() {
    Import(5);
    ImportLabelled();
    Import(2, 6);
    RankByModel({1, 2, 3, 4, 5, 7, 8});
    coordinator_.database().Sql(
        "UPDATE ranking_entry SET slice = 'random', probability = 1 WHERE image_id = 4");
    Answer(annotator_, [](auto& answer) { AddBox(answer, 12, 12, 18, 18); });
    Answer(annotator_, [](auto& answer) {
      AddBox(answer, 1, 1, 11, 11).set_predicted_index(0);
      v1::CorrectedBox& second = AddBox(answer, 20, 5, 30, 15, 2);
      second.set_predicted_index(1);
      second.set_spent_ms(700);
      answer.set_client("test 1");
      answer.set_spent_ms(4000);
    });
    Answer(bob_, [](auto& answer) { AddBox(answer, 4, 1, 11, 11).set_predicted_index(0); });
    Answer(bob_, [](auto& answer) { AddBox(answer, 1, 1, 11, 11, 2).set_predicted_index(0); });
    Answer(bob_, [](auto& answer) {
      AddBox(answer, 1, 1, 11, 11).set_predicted_index(0);
      answer.add_accepted_at_once(0);
    });
    Answer(bob_, [](auto&) {});
    v1::SubmitRequest moved = Unchanged(*Reopen(engineer_, 2));
    moved.mutable_boxes(1)->mutable_box()->set_x1(22);
    EXPECT_TRUE(Submit(engineer_, moved).ok());
  }

  void ImportLabelled() {
    std::vector<TestPicture> pictures = PlainPictures(1, 5);
    v1::ImportedBox& box = *pictures[0].labels.emplace().add_boxes();
    box.set_label(1);
    box.mutable_box()->set_x2(9);
    box.mutable_box()->set_y2(9);
    v1::ImportStart start;
    start.set_request_id(NextRequestId());
    ASSERT_TRUE(ImportPictures(coordinator_.channel(), engineer_, start, pictures).ok());
  }

  template <typename Fill>
  void Answer(const std::string& token, const Fill& fill) {
    v1::SubmitRequest answer = CorrectionOf(NextOne(token));
    fill(answer);
    EXPECT_TRUE(Submit(token, answer).ok());
  }

  std::string NameOf(const std::string& token) {
    return coordinator_.database()
        .Sql(absl::StrCat("SELECT name FROM principal WHERE token_hash = sha256('", token, "')"))
        .at(0)[0]
        .as<std::string>();
  }

  absl::StatusOr<v1::QueryBoxesResponse> Page(const v1::QueryBoxesRequest& request) {
    return Rpc(*provenance_, &Provenance::QueryBoxes, engineer_, request);
  }

  absl::Status Refused(const v1::BoxFilter& filter) {
    v1::QueryBoxesRequest query;
    *query.mutable_filter() = filter;
    const absl::Status refused = Page(query).status();
    v1::ExportBoxesRequest request;
    *request.mutable_filter() = filter;
    EXPECT_EQ(Export(request).first.code(), refused.code());
    return refused;
  }

  // All pages.
  std::vector<v1::FoundBox> Boxes(const v1::BoxFilter& filter, uint32_t page_size = 100) {
    v1::QueryBoxesRequest request;
    *request.mutable_filter() = filter;
    request.set_page_size(page_size);
    std::vector<v1::FoundBox> boxes;
    do {
      const auto page = Page(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      EXPECT_LE(page->boxes_size(), static_cast<int>(page_size));
      boxes.insert(boxes.end(), page->boxes().begin(), page->boxes().end());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return boxes;
  }

  std::pair<absl::Status, std::vector<v1::ExportBoxesResponse>> Export(
      const v1::ExportBoxesRequest& request) {
    return Export(request, engineer_);
  }
  std::pair<absl::Status, std::vector<v1::ExportBoxesResponse>> Export(const v1::ExportBoxesRequest& request,
                                                                       const std::string& token) {
    const auto context = NewContext(token);
    const auto reader = provenance_->ExportBoxes(context.get(), request);
    std::vector<v1::ExportBoxesResponse> messages;
    for (v1::ExportBoxesResponse message; reader->Read(&message);) messages.push_back(message);
    return {FromGrpc(reader->Finish()), messages};
  }

  struct Exported {
    std::vector<v1::FoundBox> boxes;
    std::vector<int64_t> images;
  };
  Exported ExportAll(const v1::BoxFilter& filter = {}) {
    v1::ExportBoxesRequest request;
    *request.mutable_filter() = filter;
    request.set_with_images(true);
    const auto [status, messages] = Export(request);
    EXPECT_TRUE(status.ok()) << status;
    Exported exported;
    for (const v1::ExportBoxesResponse& message : messages) {
      exported.boxes.insert(exported.boxes.end(), message.boxes().begin(), message.boxes().end());
      for (const v1::Image& image : message.images()) exported.images.push_back(image.id());
    }
    return exported;
  }

  // The image of each box that matches. Small pages, large ones and an export must give the same.
  template <typename Set>
  std::vector<int64_t> ImagesOf(const Set& set) {
    v1::BoxFilter filter;
    set(filter);
    std::vector<int64_t> images;
    std::vector<std::string> one_by_one, at_once, exported;
    for (const v1::FoundBox& box : Boxes(filter, 1)) one_by_one.push_back(box.SerializeAsString());
    for (const v1::FoundBox& box : Boxes(filter)) at_once.push_back(box.SerializeAsString());
    for (const v1::FoundBox& box : Boxes(filter)) images.push_back(box.image_id());
    for (const v1::FoundBox& box : ExportAll(filter).boxes) exported.push_back(box.SerializeAsString());
    EXPECT_EQ(one_by_one, at_once);
    EXPECT_THAT(exported, UnorderedElementsAreArray(at_once));
    return images;
  }

  const std::string bob_ = coordinator_.Token(v1::ANNOTATOR);
  std::unique_ptr<Provenance> provenance_ = v1::ProvenanceService::NewStub(coordinator_.channel());
};

TEST_F(BoxQueryTest, EveryBoxOfTheTruthIsFoundWithWhereItComesFrom) {
  const std::vector<v1::FoundBox> boxes = Boxes({});
  ASSERT_EQ(boxes.size(), 7U);
  const v1::FoundBox& drawn = boxes[0];
  EXPECT_EQ(drawn.image_id(), 1);
  EXPECT_EQ(drawn.file_name(), "image-0.png");
  EXPECT_EQ(drawn.box().origin(), v1::DRAWN);
  EXPECT_EQ(drawn.slice(), v1::UNCERTAIN);
  EXPECT_EQ(drawn.reviewer(), NameOf(annotator_));
  EXPECT_FALSE(drawn.has_source());
  EXPECT_FALSE(drawn.has_spent_ms());

  // She accepted it, and somebody else moved it: the shown box is that of her task.
  const v1::FoundBox& moved = boxes[2];
  EXPECT_EQ(moved.image_id(), 2);
  EXPECT_EQ(moved.revision(), 2U);
  EXPECT_EQ(moved.reviewer(), NameOf(engineer_));
  EXPECT_EQ(moved.made_by(), NameOf(annotator_));
  EXPECT_LT(moved.made_at().seconds() * 1e9 + moved.made_at().nanos(),
            moved.created_at().seconds() * 1e9 + moved.created_at().nanos());
  EXPECT_EQ(moved.slice(), v1::SLICE_UNSPECIFIED);
  EXPECT_EQ(moved.box().origin(), v1::ADJUSTED);
  EXPECT_EQ(moved.box().box().x1(), 22);
  EXPECT_EQ(moved.source().model(), 1U);
  EXPECT_EQ(moved.source().box().index(), 1U);
  EXPECT_EQ(moved.source().box().box().x1(), 20);
  EXPECT_EQ(moved.source().box().score(), 0.4F);
  EXPECT_EQ(moved.source().outcome(), v1::OUTCOME_ACCEPTED);
  EXPECT_NEAR(moved.source().iou(), 0.8, 1e-6);
}

TEST_F(BoxQueryTest, WhatARevisionSaysStandsBesideItsBoxes) {
  coordinator_.database().Sql("UPDATE image SET truth_revision_id = 3 WHERE id = 2");  // hers
  const v1::FoundBox box = Boxes({}).at(2);
  EXPECT_EQ(box.revision(), 1U);
  EXPECT_EQ(box.client(), "test 1");
  EXPECT_EQ(box.image_spent_ms(), 4000U);
  EXPECT_EQ(box.spent_ms(), 700U);
  EXPECT_EQ(box.made_by(), box.reviewer());
  EXPECT_EQ(box.made_at().nanos(), box.created_at().nanos());
  EXPECT_FALSE(box.blind());
}

TEST_F(BoxQueryTest, EachConditionTakesSomeAndLeavesOthers) {
  EXPECT_THAT(ImagesOf([](auto&) {}), ElementsAre(1, 2, 2, 3, 4, 5, 6));
  EXPECT_THAT(ImagesOf([&](auto& filter) { filter.set_reviewer(NameOf(bob_)); }), ElementsAre(3, 4, 5));
  EXPECT_THAT(ImagesOf([&](auto& filter) { filter.set_reviewer(NameOf(engineer_)); }), ElementsAre(2, 2, 6));
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.add_origins(v1::IMPORTED); }), ElementsAre(6));
  EXPECT_THAT(ImagesOf([](auto& filter) {
                filter.add_origins(v1::DRAWN);
                filter.add_origins(v1::ADJUSTED);
              }),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.add_outcomes(v1::OUTCOME_ACCEPTED); }), ElementsAre(2, 2));
  EXPECT_THAT(ImagesOf([](auto& filter) {
                filter.add_outcomes(v1::OUTCOME_ACCEPTED_AT_ONCE);
                filter.add_outcomes(v1::OUTCOME_RELABELLED);
              }),
              ElementsAre(4, 5));
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.set_slice(v1::RANDOM); }), ElementsAre(4));
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.set_class_name("scratch"); }), ElementsAre(2, 4));
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.set_model("round-1"); }), ElementsAre(2, 2, 3, 4, 5));
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.set_max_score(0.4F); }), ElementsAre(2));
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.set_min_score(0.41F); }), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(ImagesOf([](auto& filter) {
                filter.set_min_score(0.4F);
                filter.set_max_score(0.4F);
              }),
              ElementsAre(2));
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.set_side(v1::HOLDOUT); }), IsEmpty());
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.set_side(v1::POOL); }), ElementsAre(1, 2, 2, 3, 4, 5, 6));
  EXPECT_THAT(ImagesOf([&](auto& filter) {
                filter.set_reviewer(NameOf(bob_));
                filter.set_class_name("dent");
                filter.set_min_score(0.9F);
                filter.add_origins(v1::ACCEPTED);
              }),
              ElementsAre(5));
}

TEST_F(BoxQueryTest, ATimeIsFromThenAndBeforeThen) {
  const google::protobuf::Timestamp written = Boxes({}).at(4).created_at();  // of image 4
  EXPECT_THAT(ImagesOf([&](auto& filter) { *filter.mutable_from() = written; }), ElementsAre(2, 2, 4, 5));
  EXPECT_THAT(ImagesOf([&](auto& filter) { *filter.mutable_to() = written; }), ElementsAre(1, 3, 6));
  EXPECT_THAT(ImagesOf([&](auto& filter) {
                *filter.mutable_from() = written;
                filter.set_reviewer(NameOf(bob_));
              }),
              ElementsAre(4, 5));
}

TEST_F(BoxQueryTest, AModelThatShowedNothingHasNoBoxes) {
  coordinator_.database().Sql(
      "INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes) "
      "VALUES (1, 2, 'round-2', 'small', 'candidate', sha256('w'), 7)");
  EXPECT_THAT(ImagesOf([](auto& filter) { filter.set_model("2"); }), IsEmpty());
}

TEST_F(BoxQueryTest, ImagesThatAreNotUsableAreLeftOut) {
  coordinator_.database().Sql("UPDATE image SET state = 'excluded', state_reason = 'x' WHERE id = 3");
  EXPECT_THAT(ImagesOf([](auto&) {}), ElementsAre(1, 2, 2, 4, 5, 6));
}

TEST_F(BoxQueryTest, AnExportHasCleanImagesUnlessItAsksAboutBoxes) {
  EXPECT_THAT(ExportAll().images, UnorderedElementsAre(1, 2, 3, 4, 5, 6, 7));
  v1::BoxFilter filter;
  filter.set_reviewer(NameOf(bob_));
  EXPECT_THAT(ExportAll(filter).images, UnorderedElementsAre(3, 4, 5, 7));
  filter.set_class_name("dent");
  EXPECT_THAT(ExportAll(filter).images, UnorderedElementsAre(3, 5));
}

TEST_F(BoxQueryTest, AFilterOfUnknownNamesOrAnEmptyRangeIsRefused) {
  v1::BoxFilter filter;
  filter.set_reviewer("nobody");
  EXPECT_EQ(ErrorReason(Refused(filter)), "NO_SUCH_REVIEWER");
  filter.Clear();
  filter.set_class_name("hole");
  EXPECT_EQ(ErrorReason(Refused(filter)), "NO_SUCH_CLASS");
  filter.Clear();
  filter.set_model("no");
  EXPECT_EQ(ErrorReason(Refused(filter)), "NO_SUCH_MODEL");
  filter.Clear();
  filter.set_min_score(0.5F);
  filter.set_max_score(0.4F);
  EXPECT_EQ(Refused(filter).code(), absl::StatusCode::kInvalidArgument);
  filter.Clear();
  for (const float score : {-0.1F, 1.1F, std::numeric_limits<float>::quiet_NaN()}) {
    filter.set_min_score(score);
    EXPECT_EQ(Refused(filter).code(), absl::StatusCode::kInvalidArgument) << score;
  }
  filter.Clear();
  filter.mutable_from()->set_seconds(100);
  filter.mutable_to()->set_seconds(100);
  EXPECT_EQ(Refused(filter).code(), absl::StatusCode::kInvalidArgument);
  filter.mutable_to()->set_seconds(-1);
  EXPECT_EQ(Refused(filter).code(), absl::StatusCode::kInvalidArgument);
  filter.Clear();
  filter.set_slice(static_cast<v1::Slice>(99));
  EXPECT_EQ(Refused(filter).code(), absl::StatusCode::kInvalidArgument);
  filter.Clear();
  filter.add_origins(v1::ORIGIN_UNSPECIFIED);
  EXPECT_EQ(Refused(filter).code(), absl::StatusCode::kInvalidArgument);
  filter.Clear();
  filter.add_outcomes(static_cast<v1::Outcome>(99));
  EXPECT_EQ(Refused(filter).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BoxQueryTest, ATokenIsGoodForItsOwnQueryAlone) {
  v1::QueryBoxesRequest request;
  request.set_page_size(1);
  request.mutable_filter()->set_class_name("dent");
  const auto first = Page(request);
  ASSERT_TRUE(first.ok()) << first.status();
  request.set_page_token(first->next_page_token());
  EXPECT_TRUE(Page(request).ok());

  v1::QueryBoxesRequest other = request;
  other.mutable_filter()->set_class_name("scratch");
  EXPECT_EQ(ErrorReason(Page(other).status()), "PAGE_OF_ANOTHER_QUERY");
  other = request;
  MakeProject(coordinator_.channel(), engineer_, "others", 0);
  other.set_project("others");
  EXPECT_EQ(ErrorReason(Page(other).status()), "PAGE_OF_ANOTHER_QUERY");
  request.set_project("parts");
  EXPECT_TRUE(Page(request).ok()) << "the project that it was, by its name";
  const std::string query = request.page_token().substr(request.page_token().rfind('.'));
  const std::vector<std::string> broken = {"x", "1.2", "1.x.0123456789abcdef", "1.2.3.4",
                                           "-9223372036854775808.0" + query};
  for (const std::string& token : broken) {
    request.set_page_token(token);
    EXPECT_EQ(ErrorReason(Page(request).status()), "INVALID_ARGUMENT") << token;
  }
}

TEST_F(BoxQueryTest, OtherProjectsAreNotSearched) {
  MakeProject(coordinator_.channel(), engineer_, "others", 0);
  v1::QueryBoxesRequest request;
  request.set_project("others");
  request.mutable_filter()->set_reviewer(NameOf(bob_));
  const auto page = Page(request);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->boxes(), IsEmpty());
  EXPECT_EQ(page->next_page_token(), "");
}

TEST_F(BoxQueryTest, PagesMeetEachBoxOnceWhileOthersSubmit) {
  std::set<int64_t> before;
  for (const v1::FoundBox& box : Boxes({})) before.insert(box.box().box_id());
  std::atomic<bool> stop = false;
  // Keeps the first box of image 2, and takes the second away and draws it again in turns.
  std::thread writer([&] {
    while (!stop) {
      v1::SubmitRequest answer = Unchanged(*Reopen(engineer_, 3));
      answer.mutable_boxes(0)->mutable_box()->set_x1(5);
      if (answer.boxes_size() > 1) {
        answer.mutable_boxes()->RemoveLast();
      } else {
        AddBox(answer, 20, 20, 25, 25);
      }
      EXPECT_TRUE(Submit(engineer_, answer).ok());
    }
  });
  for (int round = 0; round < 20; ++round) {
    std::set<int64_t> met;
    for (const v1::FoundBox& box : Boxes({}, 1)) {
      EXPECT_TRUE(met.insert(box.box().box_id()).second) << "twice: " << box.ShortDebugString();
    }
    for (const int64_t box : before) EXPECT_TRUE(met.contains(box)) << box;
  }
  stop = true;
  writer.join();
}

// 3,000 images of 50 boxes each, past the API: enough that an export waits for its reader.
constexpr char kManyBoxes[] = R"(
    BEGIN;
    SET LOCAL session_replication_role = replica;
    INSERT INTO image (id, project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
                       side, head_revision_id, truth_revision_id)
    OVERRIDING SYSTEM VALUE
    SELECT n, 1, sha256(n::text::bytea), n || '.png', 64, 64, 1, 'image/png', 0.5, 'pool', n, n
    FROM generate_series(1001, 4000) n;
    INSERT INTO label_revision (id, image_id, number, source, author_id, blind, late, spent_ms, created_at,
                                previous_hash, hash)
    OVERRIDING SYSTEM VALUE
    SELECT n, n, 1, 'import', 1, false, false, 1, now(), sha256('a'), sha256('b')
    FROM generate_series(1001, 4000) n;
    INSERT INTO label_box (revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore)
    SELECT n, k, n * 100 + k, 1, 0, k, 1, k + 1, 'imported', false
    FROM generate_series(1001, 4000) n, generate_series(0, 49) k;
    COMMIT)";

TEST_F(BoxQueryTest, AnExportIsOfTheMomentWhenItBegan) {
  coordinator_.database().Sql(kManyBoxes);
  const auto context = NewContext(engineer_);
  v1::ExportBoxesRequest request;
  request.set_with_images(true);
  const auto reader = provenance_->ExportBoxes(context.get(), request);
  v1::ExportBoxesResponse message;
  ASSERT_TRUE(reader->Read(&message));
  // Behind what was sent already: one image is labelled anew, one is left out, and one's pixels are gone.
  coordinator_.database().Sql(R"(
      BEGIN; SET LOCAL session_replication_role = replica;
      UPDATE image SET truth_revision_id = NULL WHERE id = 3990;
      UPDATE image SET state = 'excluded', state_reason = 'x' WHERE id = 3991;
      UPDATE image SET state = 'removed', state_reason = 'x', file_name = '' WHERE id = 3992;
      COMMIT)");
  std::map<int64_t, int> boxes;
  std::set<int64_t> images;
  do {
    for (const v1::FoundBox& box : message.boxes()) ++boxes[box.image_id()];
    for (const v1::Image& image : message.images()) images.insert(image.id());
  } while (reader->Read(&message));
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_EQ(boxes.size(), 6U + 2999U);
  EXPECT_EQ(images.size(), 7U + 2999U);
  EXPECT_EQ(boxes[3990], 50);
  EXPECT_EQ(boxes[3991], 50);
  EXPECT_FALSE(boxes.contains(3992));
  EXPECT_FALSE(images.contains(3992));
}

TEST_F(BoxQueryTest, AnImageOfAnyNumberOfBoxesIsFoundWithTheOthers) {
  const size_t others = Boxes({}).size();
  for (const int count : {19'999, 20'000, 45'000}) {
    coordinator_.database().Sql(absl::StrCat(
        "SELECT import_revision(6, 1, true, true, (SELECT array_agg((i % 4 / 2 * 5)::real ORDER BY i) FROM "
        "generate_series(0, ",
        4 * count - 1, ") i), array_fill(1, ARRAY[", count, "]), array_fill(false, ARRAY[", count, "]))"));
    EXPECT_EQ(ExportAll().boxes.size(), others - 1 + count) << "image 6 had one";
    v1::QueryBoxesRequest request;
    request.set_page_size(500);
    EXPECT_EQ(Page(request)->boxes_size(), 500);
  }
}

TEST_F(BoxQueryTest, ExportsThatNobodyReadsAreFew) {
  coordinator_.database().Sql(kManyBoxes);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::ExportBoxesResponse>>> readers;
  v1::ExportBoxesResponse message;
  const auto stall = [&](const std::string& token) {
    contexts.push_back(NewContext(token));
    readers.push_back(provenance_->ExportBoxes(contexts.back().get(), v1::ExportBoxesRequest()));
    ASSERT_TRUE(readers.back()->Read(&message));
  };
  stall(engineer_);
  stall(engineer_);
  EXPECT_EQ(ErrorReason(Export(v1::ExportBoxesRequest()).first), "TOO_MANY_CALLS");
  for (int i = 0; i < 3; ++i) {  // others export meanwhile, until there are eight
    const std::string viewer = coordinator_.Token(v1::VIEWER);
    stall(viewer);
    stall(viewer);
  }
  EXPECT_EQ(ErrorReason(Export(v1::ExportBoxesRequest(), coordinator_.Token(v1::VIEWER)).first),
            "TOO_MANY_CALLS");
  // The others go on meanwhile: nobody holds a turn while it waits for its reader.
  EXPECT_EQ(Page(v1::QueryBoxesRequest())->boxes_size(), 100);
  EXPECT_EQ(Verify().images(), 7U + 3000U);
  contexts[0]->TryCancel();
  readers[0]->Finish();
  while (ErrorReason(Export(v1::ExportBoxesRequest()).first) == "TOO_MANY_CALLS")
    absl::SleepFor(absl::Milliseconds(5));
  for (const auto& context : contexts) context->TryCancel();
}

}  // namespace
}  // namespace loupe
