// SearchImages against a slow reference: all images, sorted and picked one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What the database holds of an image, each in a column of its own.
struct KnownImage {
  int64_t id = 0;
  std::string name;
  std::string side;
  std::string state;
  std::string author;  // empty: no truth
  std::string day;
  std::string slice;
  std::set<std::string> classes = {};
  std::set<std::string> origins = {};
  std::string note = {};
  std::string flag = {};
  bool has_request = false;
  int score = -1;  // in hundredths; -1: not predicted
};

// A filter, and what it means.
struct Condition {
  std::string name;
  std::function<void(v1::ImageFilter&)> set;
  std::function<bool(const KnownImage&)> holds;
};

google::protobuf::Timestamp Day(int day) {
  google::protobuf::Timestamp time;
  time.set_seconds(absl::ToUnixSeconds(absl::FromCivil(absl::CivilDay(2026, 3, day), absl::UTCTimeZone())));
  return time;
}

std::string BaseName(const std::string& name) { return name.substr(name.rfind('/') + 1); }

bool BeginsWith(const KnownImage& image, const std::string& start) {
  return absl::StartsWith(image.name, start) || absl::StartsWith(BaseName(image.name), start);
}

std::vector<Condition> AllConditions() {
  using Filter = v1::ImageFilter;
  using Image = const KnownImage&;
  return {
      {"pool", [](Filter& f) { f.set_side(v1::POOL); }, [](Image i) { return i.side == "pool"; }},
      {"holdout", [](Filter& f) { f.set_side(v1::HOLDOUT); }, [](Image i) { return i.side == "holdout"; }},
      {"labelled", [](Filter& f) { f.set_labelled(true); }, [](Image i) { return !i.author.empty(); }},
      {"unlabelled", [](Filter& f) { f.set_labelled(false); }, [](Image i) { return i.author.empty(); }},
      {"by ann", [](Filter& f) { f.set_labelled_by("ann"); }, [](Image i) { return i.author == "ann"; }},
      {"from", [](Filter& f) { *f.mutable_labelled_from() = Day(4); },
       [](Image i) { return i.day >= "2026-03-04"; }},
      {"to", [](Filter& f) { *f.mutable_labelled_to() = Day(5); },
       [](Image i) { return !i.day.empty() && i.day < "2026-03-05"; }},
      {"class", [](Filter& f) { f.set_class_name("scratch"); },
       [](Image i) { return i.classes.contains("scratch"); }},
      {"slice", [](Filter& f) { f.set_slice(v1::RANDOM); }, [](Image i) { return i.slice == "random"; }},
      {"origin", [](Filter& f) { f.set_origin(v1::ADJUSTED); },
       [](Image i) { return i.origins.contains("adjusted"); }},
      {"min score", [](Filter& f) { f.set_min_score(0.295F); }, [](Image i) { return i.score >= 29; }},
      {"max score", [](Filter& f) { f.set_max_score(0.7F); },
       [](Image i) { return i.score >= 0 && i.score <= 69; }},  // 0.7F is below 0.7
      {"name", [](Filter& f) { f.set_file_name("part-12"); },
       [](Image i) { return BeginsWith(i, "part-12"); }},
      {"folder", [](Filter& f) { f.set_file_name("line_1/"); },
       [](Image i) { return BeginsWith(i, "line_1/"); }},
      {"set aside", [](Filter& f) { f.set_state(v1::SET_ASIDE); },
       [](Image i) { return i.state == "set_aside"; }},
      {"excluded", [](Filter& f) { f.set_state(v1::EXCLUDED); },
       [](Image i) { return i.state == "excluded"; }},
      {"usable", [](Filter& f) { f.set_state(v1::USABLE); }, [](Image i) { return i.state == "usable"; }},
      {"note", [](Filter& f) { f.set_has_note(true); }, [](Image i) { return !i.note.empty(); }},
      {"no note", [](Filter& f) { f.set_has_note(false); },
       [](Image i) { return !i.author.empty() && i.note.empty(); }},
      {"flag", [](Filter& f) { f.set_flag("un\"clear"); }, [](Image i) { return i.flag == "un\"clear"; }},
      {"request", [](Filter& f) { f.set_has_request(true); }, [](Image i) { return i.has_request; }},
      {"no request", [](Filter& f) { f.set_has_request(false); }, [](Image i) { return !i.has_request; }},
  };
}

class SearchImagesTest : public LabelingTest {
 protected:
  using Images = v1::ImageService::Stub;

  // 10,000 images of which a third is labelled, on five days, by two people; half of them predicted.
  SearchImagesTest() : images_(v1::ImageService::NewStub(coordinator_.channel())) {
    coordinator_.database().Sql(R"(
      SET session_replication_role = replica;
      INSERT INTO principal (name, role, token_hash)
      VALUES ('ann', 'annotator', sha256('ann')), ('bob', 'annotator', sha256('bob'));
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
      VALUES (1, 1, 'round-1', 'small', 'serving', sha256('weights'), 7);
      CREATE TEMP TABLE made AS
      SELECT n + 32000 AS id, n, n % 3 = 0 AS labelled, hashint4(n) & 1023 AS luck
      FROM generate_series(1, 10000) n;
      INSERT INTO image (id, project_id, sha256, file_name, width, height, size_bytes, media_type,
                         sampling_key, side, state, state_reason)
      OVERRIDING SYSTEM VALUE
      SELECT id, 1, sha256(n::text::bytea),
             CASE WHEN luck % 50 = 7 THEN ''
                  ELSE 'line_' || luck % 3 || '/ä%/part-' || (n * 7919) % 10000 END,
             10, 10, 1, 'image/png', 0.5, CASE WHEN luck % 7 = 0 THEN 'holdout' ELSE 'pool' END,
             CASE WHEN luck % 50 = 7 THEN 'removed' WHEN luck % 50 = 8 THEN 'excluded'
                  WHEN luck % 50 = 9 THEN 'set_aside' ELSE 'usable' END,
             CASE WHEN luck % 50 BETWEEN 7 AND 9 THEN 'why' END
      FROM made;
      INSERT INTO task (id, project_id, image_id, image_side, principal_id, lease_number, ranking_id,
                        position, slice, blind, state, revision_id, ended_at)
      OVERRIDING SYSTEM VALUE
      SELECT id, 1, id, side, 1, n, 1, n, CASE WHEN luck % 2 = 0 THEN 'random' ELSE 'uncertain' END, true,
             'answered', id, now()
      FROM made JOIN image USING (id) WHERE labelled;
      INSERT INTO label_revision (id, image_id, number, source, author_id, task_id, blind, late, spent_ms,
                                  created_at, previous_hash, hash, note, flags)
      OVERRIDING SYSTEM VALUE
      SELECT id, id, 1, 'task', (SELECT principal.id FROM principal
                                 WHERE name = CASE WHEN luck % 5 = 0 THEN 'ann' ELSE 'bob' END),
             id, true, false, 1, '2026-03-02 23:59Z'::timestamptz + luck % 5 * interval '1 day', sha256('a'),
             sha256('b'), CASE WHEN luck % 9 = 0 THEN 'look' ELSE '' END,
             CASE WHEN luck % 11 = 0 THEN ARRAY['un"clear', 'other'] ELSE '{}' END
      FROM made WHERE labelled;
      UPDATE image SET truth_revision_id = image.id, head_revision_id = image.id
      FROM made WHERE made.id = image.id AND labelled;
      INSERT INTO label_box (revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore)
      SELECT id, k, 2 * n + k, 1 + (luck + k) % 2, 0, 0, 5, 5,
             CASE WHEN luck % 6 = k THEN 'adjusted' ELSE 'drawn' END, luck % 4 = 0
      FROM made CROSS JOIN generate_series(0, 1) k WHERE labelled AND (k = 0 OR luck % 10 = 0);
      INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                              background_scores, agreements, embedding, max_foreground_score)
      SELECT 1, id, '{1,1,2,2}', '{1}', ARRAY[luck / 1023.0]::real[], '{2}', '{0}', '{0}', '{}', '', 0.5
      FROM made WHERE luck % 2 = 0;
      INSERT INTO task_request (project_id, image_id, image_side, kind, class_label, state, created_by)
      SELECT 1, id, side, 'class_added', 2, 'open', 1 FROM made JOIN image USING (id) WHERE luck % 13 = 0;
      SELECT setval(pg_get_serial_sequence('image', 'id'), 50000),
             setval(pg_get_serial_sequence('label_revision', 'id'), 50000);
      SET session_replication_role = origin;
      INSERT INTO image_change SELECT project_id, id FROM image;)");
    AwaitIndex();
  }

  void AwaitIndex() {
    const absl::Time until = absl::Now() + absl::Seconds(60);
    while (Number("SELECT count(*) FROM image_change") > 0 ||
           Number("SELECT count(*) FROM image_score_state WHERE next_block IS NULL AND model_id = 1") == 0) {
      ASSERT_LT(absl::Now(), until);
      absl::SleepFor(absl::Milliseconds(50));
    }
  }

  std::vector<KnownImage> ReadAll() {
    std::vector<KnownImage> all;
    for (const auto& row : coordinator_.database().Sql(R"(
        SELECT image.id, file_name, side, state, coalesce(principal.name, ''),
               coalesce((truth.created_at AT TIME ZONE 'UTC')::date::text, ''),
               coalesce((SELECT slice FROM task WHERE id = truth.task_id), ''),
               EXISTS (SELECT FROM label_box WHERE revision_id = truth.id AND NOT ignore AND label = 2),
               EXISTS (SELECT FROM label_box WHERE revision_id = truth.id AND NOT ignore
                                               AND origin = 'adjusted'),
               coalesce(note, ''), coalesce(flags[1], ''),
               EXISTS (SELECT FROM task_request WHERE image_id = image.id AND task_request.state = 'open'),
               (SELECT floor(scores[1]::float8 * 100) FROM prediction
                WHERE image_id = image.id AND state <> 'removed')
        FROM image LEFT JOIN label_revision truth ON truth.id = truth_revision_id AND state <> 'removed'
        LEFT JOIN principal ON principal.id = author_id)")) {
      KnownImage image{row[0].as<int64_t>(),     row[1].as<std::string>(), row[2].as<std::string>(),
                       row[3].as<std::string>(), row[4].as<std::string>(), row[5].as<std::string>(),
                       row[6].as<std::string>()};
      if (row[7].as<bool>()) image.classes.insert("scratch");
      if (row[8].as<bool>()) image.origins.insert("adjusted");
      image.note = row[9].as<std::string>();
      image.flag = row[10].as<std::string>();
      image.has_request = row[11].as<bool>();
      if (!row[12].is_null()) image.score = row[12].as<int>();
      all.push_back(image);
    }
    return all;
  }

  // Ids of the images that meet these conditions, in order.
  static std::vector<int64_t> Expected(const std::vector<KnownImage>& all,
                                       const std::vector<const Condition*>& conditions, v1::ImageOrder order,
                                       bool descending) {
    // Those without what they are sorted by come last, whichever way.
    std::vector<std::tuple<bool, std::string, int64_t>> found;
    for (const KnownImage& image : all) {
      bool is_found = std::ranges::none_of(conditions, [&](const Condition* c) { return !c->holds(image); });
      const bool asks_state = std::ranges::any_of(conditions, [](const Condition* condition) {
        v1::ImageFilter filter;
        condition->set(filter);
        return filter.state() != v1::IMAGE_STATE_UNSPECIFIED;
      });
      if (!asks_state && image.state == "removed") is_found = false;
      if (!is_found) continue;
      switch (order) {
        case v1::BY_FILE_NAME:
          found.emplace_back(false, image.name, image.id);
          break;
        case v1::BY_LABELLED_DAY:
          found.emplace_back(image.day.empty(), image.day, image.id);
          break;
        case v1::BY_SCORE:
          found.emplace_back(image.score < 0, absl::StrCat(image.score + 1000), image.id);
          break;
        default:
          found.emplace_back(false, "", image.id);
      }
    }
    std::ranges::sort(found, [&](const auto& a, const auto& b) {
      if (std::get<0>(a) != std::get<0>(b)) return std::get<0>(b);
      return descending ? b < a : a < b;
    });
    std::vector<int64_t> images;
    for (const auto& [last, key, id] : found) images.push_back(id);
    return images;
  }

  absl::StatusOr<v1::SearchImagesResponse> Page(const v1::SearchImagesRequest& request) {
    return Rpc(*images_, &Images::SearchImages, engineer_, request);
  }

  // Ids of all pages. Their total is told on the first.
  std::vector<int64_t> Found(const v1::ImageFilter& filter, v1::ImageOrder order = {},
                             bool descending = false, uint32_t page_size = 497) {
    v1::SearchImagesRequest request;
    *request.mutable_filter() = filter;
    request.set_order(order);
    request.set_descending(descending);
    request.set_page_size(page_size);
    std::vector<int64_t> found;
    uint64_t total = 0;
    do {
      const auto page = Page(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      EXPECT_LE(page->images_size(), static_cast<int>(page_size));
      EXPECT_FALSE(page->is_behind());
      EXPECT_EQ(page->has_total(), request.page_token().empty());
      if (page->has_total()) total = page->total();
      for (const v1::FoundImage& image : page->images()) found.push_back(image.image().id());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(total, found.size());
    return found;
  }

  void ExpectAsExpected(const std::vector<KnownImage>& all, const std::vector<const Condition*>& conditions,
                        v1::ImageOrder order, bool descending) {
    v1::ImageFilter filter;
    std::string names;
    for (const Condition* condition : conditions) {
      condition->set(filter);
      absl::StrAppend(&names, condition->name, ", ");
    }
    EXPECT_EQ(Found(filter, order, descending), Expected(all, conditions, order, descending))
        << names << "order " << order << (descending ? ", descending" : "");
  }

  // That GetStatus tells what the tables hold.
  void ExpectCounted(const std::string& when) {
    const v1::ProjectStatus status = Status();
    const auto images = [&](const std::string& where) {
      return static_cast<uint64_t>(Number(
          "SELECT count(*) FROM image LEFT JOIN label_revision truth ON truth.id = truth_revision_id WHERE " +
          where));
    };
    const auto boxes = [&](const std::string& counted, const std::string& where) {
      return static_cast<uint64_t>(
          Number(absl::StrCat("SELECT count(", counted, ") FROM label_box JOIN image ON revision_id = ",
                              "truth_revision_id AND state = 'usable' WHERE ", where)));
    };
    const auto judged = [&](const std::string& outcome) {
      return static_cast<uint64_t>(
          Number(absl::StrCat("SELECT count(*) FROM outcome JOIN standing_label standing ON standing.id = ",
                              "revision_id JOIN image ON image.id = image_id AND state = 'usable' ",
                              "WHERE outcome = '", outcome, "'")));
    };
    EXPECT_EQ(status.pool_images(), images("state = 'usable' AND side = 'pool'")) << when;
    EXPECT_EQ(status.pool_labelled(), images("state = 'usable' AND side = 'pool' AND truth.id > 0")) << when;
    EXPECT_EQ(status.holdout_images(), images("state = 'usable' AND side = 'holdout'")) << when;
    EXPECT_EQ(status.holdout_labelled(), images("state = 'usable' AND side = 'holdout' AND blind")) << when;
    EXPECT_EQ(status.holdout_not_blind(), images("state = 'usable' AND side = 'holdout' AND NOT blind"))
        << when;
    EXPECT_EQ(status.images_excluded(), images("state = 'excluded'")) << when;
    EXPECT_EQ(status.images_set_aside(), images("state = 'set_aside'")) << when;
    EXPECT_EQ(status.images_removed(), images("state = 'removed'")) << when;
    ASSERT_EQ(status.class_counts_size(), 2) << when;
    for (const v1::ClassCount& count : status.class_counts()) {
      const std::string label = absl::StrCat(count.class_().label());
      const std::string shown = absl::StrCat("NOT ignore AND label = ", label);
      EXPECT_EQ(count.boxes(), boxes("*", shown)) << when;
      EXPECT_EQ(count.images(), boxes("DISTINCT revision_id", shown)) << when;
      EXPECT_EQ(count.images_to_look_at(),
                static_cast<uint64_t>(Number(absl::StrCat(
                    "SELECT count(*) FROM task_request request JOIN image ON image.id = image_id AND ",
                    "image.state = 'usable' WHERE request.state = 'open' AND class_label = ", label))))
          << when;
    }
    EXPECT_EQ(status.boxes_drawn(), boxes("*", "origin = 'drawn'")) << when;
    EXPECT_EQ(status.boxes_adjusted(), boxes("*", "origin = 'adjusted'")) << when;
    EXPECT_EQ(status.boxes_imported(), boxes("*", "origin = 'imported'")) << when;
    EXPECT_EQ(status.boxes_rejected(), judged("rejected")) << when;
    EXPECT_EQ(status.boxes_dropped(), judged("dropped")) << when;
    EXPECT_GT(status.boxes_dropped(), 0U) << when;
    EXPECT_GT(status.boxes_rejected(), 0U) << when;
  }

  std::unique_ptr<Images> images_;
};

const v1::ImageOrder kOrders[] = {v1::IMAGE_ORDER_UNSPECIFIED, v1::BY_FILE_NAME, v1::BY_LABELLED_DAY,
                                  v1::BY_SCORE};

TEST_F(SearchImagesTest, EachConditionInEachOrderFindsWhatALookAtEachImageDoes) {
  const std::vector<KnownImage> all = ReadAll();
  const std::vector<Condition> conditions = AllConditions();
  for (const v1::ImageOrder order : kOrders) {
    for (const bool descending : {false, true}) {
      ExpectAsExpected(all, {}, order, descending);
      for (const Condition& condition : conditions) ExpectAsExpected(all, {&condition}, order, descending);
    }
  }
}

TEST_F(SearchImagesTest, ConditionsTogetherDoToo) {
  const std::vector<KnownImage> all = ReadAll();
  const std::vector<Condition> conditions = AllConditions();
  std::mt19937 random(7);
  const auto one = [&] { return &conditions[random() % conditions.size()]; };
  for (int i = 0; i < 100; ++i) {
    std::vector<const Condition*> some{one(), one()};
    if (i % 2 == 1) some.push_back(one());
    // Two conditions on one field are one.
    std::set<std::string> fields;
    v1::ImageFilter filter;
    bool is_possible = true;
    for (const Condition* condition : some) {
      v1::ImageFilter alone;
      condition->set(alone);
      std::vector<const google::protobuf::FieldDescriptor*> set;
      alone.GetReflection()->ListFields(alone, &set);
      is_possible = is_possible && fields.insert(set.front()->name()).second;
    }
    if (is_possible) ExpectAsExpected(all, some, kOrders[random() % 4], random() % 2 == 1);
  }
}

TEST_F(SearchImagesTest, WhatHasJustChangedIsFound) {
  const std::vector<Condition> conditions = AllConditions();
  coordinator_.database().Sql(R"(
      UPDATE image SET state = 'excluded', state_reason = 'why' WHERE state = 'usable' AND id % 40 = 1;
      UPDATE task_request SET state = 'cancelled', ended_at = now() WHERE image_id % 2 = 0;
      SELECT import_revision(id, (SELECT id FROM principal WHERE name = 'ann'), true, true, '{1,1,3,3}',
                             '{2}', '{f}') FROM image WHERE state = 'usable' AND id % 50 = 3;
      INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
                         side)
      SELECT 1, sha256(('new ' || n)::bytea), 'part-12-new-' || n, 10, 10, 1, 'image/png', 0.5, 'pool'
      FROM generate_series(1, 100) n)");
  for (int i = 0; i < 2; ++i) {
    const std::vector<KnownImage> all = ReadAll();
    for (const Condition& condition : conditions) ExpectAsExpected(all, {&condition}, kOrders[i], false);
    ExpectAsExpected(all, {}, v1::BY_LABELLED_DAY, true);
    AwaitIndex();
  }
}

TEST_F(SearchImagesTest, ImagesAndBoxesAreCountedAsTheyAreNow) {
  coordinator_.database().Sql(R"(
      SET session_replication_role = replica;
      INSERT INTO shown_box (task_id, ordinal, model_id, prediction_index, label, x1, y1, x2, y2, score)
      SELECT id, k, 1, k, 1, 0, 0, 5, 5, 0.5 FROM label_revision CROSS JOIN generate_series(0, 5) k
      WHERE id % 4 = 0;
      INSERT INTO outcome (revision_id, shown_ordinal, outcome)
      SELECT task_id, ordinal, CASE WHEN task_id % 8 = 0 AND ordinal < 4 THEN 'dropped'
                                    WHEN task_id % 5 = 0 THEN 'rejected' ELSE 'accepted' END
      FROM shown_box;
      SET session_replication_role = origin;
      INSERT INTO image_change SELECT project_id, id FROM image;)");
  ExpectCounted("more than are looked at one by one");
  AwaitIndex();
  ExpectCounted("all are in the sets");
  coordinator_.database().Sql(R"(
      UPDATE image SET state = 'excluded', state_reason = 'why' WHERE state = 'usable' AND id % 40 = 1;
      UPDATE image SET state = 'usable', state_reason = NULL WHERE state = 'excluded' AND id % 40 = 2;
      UPDATE task_request SET state = 'cancelled', ended_at = now() WHERE image_id % 20 = 0;
      SELECT import_revision(id, (SELECT id FROM principal WHERE name = 'ann'), true, true, '{1,1,3,3}',
                             '{2}', '{f}') FROM image WHERE state = 'usable' AND id % 50 = 3)");
  v1::WithdrawRequest withdrawal;
  withdrawal.set_request_id(NextRequestId());
  withdrawal.set_reviewer("bob");
  *withdrawal.mutable_from() = Day(6);
  const auto withdrawn = Rpc(*stub_, &Labeling::Withdraw, engineer_, withdrawal);
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_GT(withdrawn->images(), 0U);
  ExpectCounted("what has just changed");
  AwaitIndex();
  ExpectCounted("all are in the sets again");
}

TEST_F(SearchImagesTest, ScoresAreThoseOfTheModelThatServes) {
  coordinator_.database().Sql(R"(
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
      VALUES (1, 2, 'round-2', 'small', 'candidate', sha256('others'), 7);
      INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                              background_scores, agreements, embedding, max_foreground_score)
      SELECT 2, id, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', 0.5 FROM image WHERE id IN (32001, 32002);
      UPDATE model SET state = 'retired' WHERE number = 1;
      UPDATE model SET state = 'serving' WHERE number = 2)");
  const absl::Time until = absl::Now() + absl::Seconds(60);
  v1::SearchImagesRequest request;
  request.mutable_filter()->set_min_score(0);
  absl::StatusOr<v1::SearchImagesResponse> page;
  do {
    ASSERT_LT(absl::Now(), until);
    absl::SleepFor(absl::Milliseconds(50));
    page = Page(request);
    ASSERT_TRUE(page.ok()) << page.status();
  } while (page->is_behind());
  ASSERT_EQ(page->images_size(), 2);
  EXPECT_EQ(page->images(0).image().id(), 32001);
  EXPECT_EQ(page->images(0).score(), 0);
}

TEST_F(SearchImagesTest, AnImageIsToldWithItsTruth) {
  v1::ImageFilter filter;
  filter.set_labelled_by("bob");
  v1::SearchImagesRequest request;
  *request.mutable_filter() = filter;
  request.set_page_size(1);
  const auto page = Page(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->images_size(), 1);
  const v1::FoundImage& found = page->images(0);
  EXPECT_EQ(found.labelled_by(), "bob");
  EXPECT_TRUE(found.image().labelled());
  EXPECT_EQ(absl::FromUnixSeconds(found.labelled_at().seconds()),
            absl::FromUnixSeconds(Number(
                absl::StrCat("SELECT extract(epoch FROM created_at)::bigint FROM label_revision WHERE id = ",
                             found.image().id()))));
  EXPECT_EQ(found.boxes(),
            Number(absl::StrCat("SELECT count(*) FROM label_box WHERE NOT ignore AND revision_id = ",
                                found.image().id())));
}

TEST_F(SearchImagesTest, RefusesWhatItCantAnswer) {
  const auto refused = [&](const std::function<void(v1::SearchImagesRequest&)>& ask) {
    v1::SearchImagesRequest request;
    ask(request);
    return Page(request).status();
  };
  EXPECT_EQ(ErrorReason(refused([](auto& r) { r.mutable_filter()->set_class_name("hole"); })),
            "NO_SUCH_CLASS");
  EXPECT_EQ(ErrorReason(refused([](auto& r) { r.mutable_filter()->set_labelled_by("eve"); })),
            "NO_SUCH_REVIEWER");
  for (const auto& bad : std::vector<std::function<void(v1::SearchImagesRequest&)>>{
           [](auto& r) { r.mutable_filter()->set_min_score(1.5F); },
           [](auto& r) { r.mutable_filter()->set_max_score(std::numeric_limits<float>::quiet_NaN()); },
           [](auto& r) {
             r.mutable_filter()->set_min_score(0.6F);
             r.mutable_filter()->set_max_score(0.5F);
           },
           [](auto& r) { r.mutable_filter()->mutable_labelled_from()->set_seconds(1); },
           [](auto& r) {
             *r.mutable_filter()->mutable_labelled_from() = Day(4);
             *r.mutable_filter()->mutable_labelled_to() = Day(4);
           },
           [](auto& r) { r.mutable_filter()->set_side(static_cast<v1::Side>(77)); },
           [](auto& r) { r.set_order(static_cast<v1::ImageOrder>(77)); },
           [](auto& r) { r.set_page_token("7"); }, [](auto& r) { r.set_page_token("7.%.0"); }}) {
    EXPECT_EQ(refused(bad).code(), absl::StatusCode::kInvalidArgument) << refused(bad);
  }
  v1::SearchImagesRequest request;
  request.set_page_size(1);
  const auto page = Page(request);
  ASSERT_TRUE(page.ok());
  request.set_page_token(page->next_page_token());
  request.mutable_filter()->set_labelled(true);
  EXPECT_EQ(ErrorReason(Page(request).status()), "PAGE_OF_ANOTHER_QUERY");
}

TEST_F(SearchImagesTest, AFilterThatNothingMeetsFindsNothing) {
  v1::ImageFilter filter;
  filter.set_file_name("nothing");
  EXPECT_THAT(Found(filter), IsEmpty());
}

}  // namespace
}  // namespace loupe
