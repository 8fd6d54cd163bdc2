#include "server/projects/project_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "absl/time/clock.h"
#include "loupe/v1/labeling.grpc.pb.h"
#include "proto/error_info.h"
#include "server/labeling/lease_reaper.h"
#include "tests/support/coordinator.h"

namespace loupe {
namespace {

using ProjectStub = v1::ProjectService::Stub;
using Code = absl::StatusCode;

class ProjectServiceTest : public testing::Test {
 protected:
  v1::CreateProjectRequest Request(const std::string& name) {
    v1::CreateProjectRequest request;
    request.set_request_id(NextRequestId());
    request.set_name(name);
    request.add_classes("dent");
    request.add_classes("Kratzer ü");
    return request;
  }

  absl::StatusOr<v1::Project> Create(const v1::CreateProjectRequest& request) {
    return Rpc(*stub_, &ProjectStub::CreateProject, engineer_, request);
  }

  TestCoordinator coordinator_;
  const std::string engineer_ = coordinator_.Token(v1::ENGINEER);
  std::unique_ptr<ProjectStub> stub_ = v1::ProjectService::NewStub(coordinator_.channel());
};

TEST_F(ProjectServiceTest, WritesOutItsDefaults) {
  const auto project = Create(Request("parts"));
  ASSERT_TRUE(project.ok()) << project.status();
  EXPECT_EQ(project->holdout_fraction(), 0.15);
  EXPECT_NE(project->seed(), 0U);
  EXPECT_EQ(project->strategy(), "combined");
  EXPECT_EQ(project->holdout_target(), 200U);
  ASSERT_EQ(project->classes_size(), 2);
  EXPECT_EQ(project->classes(1).label(), 2U);
  EXPECT_EQ(project->classes(1).name(), "Kratzer ü");
  v1::GetProjectRequest get;
  const auto found = Rpc(*stub_, &ProjectStub::GetProject, engineer_, get);
  ASSERT_TRUE(found.ok()) << "the only project needs no name";
  EXPECT_EQ(found->id(), project->id());
}

TEST_F(ProjectServiceTest, AProjectAndAClassGetOtherNames) {
  ASSERT_TRUE(Create(Request("parts")).ok());
  ASSERT_TRUE(Create(Request("others")).ok());
  v1::RenameProjectRequest rename;
  rename.set_request_id(NextRequestId());
  rename.set_project("parts");
  rename.set_name("others");
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::RenameProject, engineer_, rename).status()),
            "PROJECT_EXISTS");
  rename.set_request_id(NextRequestId());
  rename.set_name("no good name");
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::RenameProject, engineer_, rename).status().code(),
            absl::StatusCode::kInvalidArgument);
  rename.set_request_id(NextRequestId());
  rename.set_name("line-2");
  const auto renamed = Rpc(*stub_, &ProjectStub::RenameProject, engineer_, rename);
  ASSERT_TRUE(renamed.ok()) << renamed.status();
  EXPECT_EQ(renamed->name(), "line-2");

  v1::RenameClassRequest of_class;
  of_class.set_project("line-2");
  of_class.set_label(2);
  of_class.set_name("dent");
  of_class.set_request_id(NextRequestId());
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::RenameClass, engineer_, of_class).status()),
            "CLASS_EXISTS");
  of_class.set_label(3);
  of_class.set_name("hole, round");
  of_class.set_request_id(NextRequestId());
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::RenameClass, engineer_, of_class).status()),
            "NO_SUCH_CLASS");
  of_class.set_label(2);
  of_class.set_request_id(NextRequestId());
  const auto named = Rpc(*stub_, &ProjectStub::RenameClass, engineer_, of_class);
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->classes(1).name(), "hole, round");
  EXPECT_EQ(named->classes(1).label(), 2U);
}

TEST_F(ProjectServiceTest, AClassHasAColourAndAKeyOfItsOwn) {
  v1::CreateProjectRequest create = Request("parts");
  create.add_displays()->set_key("1");
  create.add_displays()->set_key("1");
  EXPECT_THAT(std::string(Create(create).status().message()),
              testing::HasSubstr("two classes have the key 1"));
  create.set_request_id(NextRequestId());
  create.mutable_displays(1)->set_key("Q");
  create.mutable_displays(1)->set_color("#1f77b4");
  const auto made = Create(create);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->classes(0).display().key(), "1");
  EXPECT_EQ(made->classes(0).display().color(), "");
  EXPECT_EQ(made->classes(1).display().key(), "Q");
  EXPECT_EQ(made->classes(1).display().color(), "#1f77b4");

  v1::SetClassDisplayRequest set;
  const auto Set = [&](uint32_t label, const std::string& color, const std::string& key) {
    set.set_request_id(NextRequestId());
    set.set_label(label);
    set.mutable_display()->set_color(color);
    set.mutable_display()->set_key(key);
    return Rpc(*stub_, &ProjectStub::SetClassDisplay, engineer_, set);
  };
  for (const char* key : {"A", "0", "q", "QQ", "ä", "?"}) {
    EXPECT_THAT(std::string(Set(1, "", key).status().message()),
                testing::AllOf(testing::HasSubstr(key), testing::HasSubstr("I, O, P, Q, T, V, W and Y")));
  }
  for (const char* color : {"red", "#1F77B4", "#1f77b", "#1f77b4 "}) {
    EXPECT_EQ(Set(1, color, "").status().code(), Code::kInvalidArgument) << color;
  }
  const absl::Status taken = Set(1, "", "Q").status();
  EXPECT_EQ(ErrorReason(taken), "KEY_TAKEN");
  EXPECT_THAT(std::string(taken.message()), testing::HasSubstr("Kratzer ü"));
  EXPECT_EQ(ErrorReason(Set(3, "", "").status()), "NO_SUCH_CLASS");
  const auto swapped = Set(2, "", "");
  ASSERT_TRUE(swapped.ok()) << swapped.status();
  EXPECT_FALSE(swapped->classes(1).has_display());
  EXPECT_EQ(Set(1, "#000000", "Q")->classes(0).display().key(), "Q");
  // Somebody who chose while the class had neither a colour nor a key.
  set.mutable_expected();
  EXPECT_EQ(ErrorReason(Set(1, "#ffffff", "").status()), "CLASS_CHANGED");
  set.mutable_expected()->set_color("#000000");
  EXPECT_EQ(ErrorReason(Set(1, "#ffffff", "").status()), "CLASS_CHANGED");
  set.mutable_expected()->set_key("Q");
  EXPECT_EQ(Set(1, "#ffffff", "Q")->classes(0).display().color(), "#ffffff");
  set.clear_expected();

  v1::RetireClassRequest retire;
  retire.set_request_id(NextRequestId());
  retire.set_label(1);
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::RetireClass, engineer_, retire)->classes(0).display().key(), "")
      << "another class may have it then";
  EXPECT_EQ(ErrorReason(Set(1, "", "Q").status()), "RETIRED_CLASS");
  EXPECT_TRUE(Set(2, "", "Q").ok());
}

TEST_F(ProjectServiceTest, GuidelinesThatSomebodyElseChangedMeanwhileAreNotWrittenOver) {
  ASSERT_TRUE(Create(Request("parts")).ok());
  v1::SetGuidelinesRequest set;
  const auto Write = [&](const std::string& content, std::optional<uint32_t> expected) {
    set.set_request_id(NextRequestId());
    set.set_content(content);
    set.clear_expected_version();
    if (expected.has_value()) set.set_expected_version(*expected);
    return Rpc(*stub_, &ProjectStub::SetGuidelines, engineer_, set);
  };
  EXPECT_EQ(ErrorReason(Write("mine", 1).status()), "GUIDELINES_CHANGED") << "there is no version 1";
  EXPECT_EQ(Write("first", 0)->version(), 1U);
  const absl::Status changed = Write("mine", 0).status();
  EXPECT_EQ(ErrorReason(changed), "GUIDELINES_CHANGED");
  EXPECT_THAT(std::string(changed.message()), testing::HasSubstr("wrote version 1 at 20"));
  EXPECT_EQ(Write("second", 1)->version(), 2U);
  EXPECT_EQ(Write("third", std::nullopt)->version(), 3U) << "who expects nothing is not refused";
}

TEST_F(ProjectServiceTest, ASeedOf64BitsComesBack) {
  v1::CreateProjectRequest request = Request("seeded");
  request.set_seed(0xfedcba9876543210U);
  const auto project = Create(request);
  ASSERT_TRUE(project.ok()) << project.status();
  EXPECT_EQ(project->seed(), 0xfedcba9876543210U);
}

TEST_F(ProjectServiceTest, AnAnnotatorSeesNothingThatTellsTheHoldout) {
  const auto made = Create(Request("parts"));
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string annotator = coordinator_.Token(v1::ANNOTATOR);
  const auto shown = Rpc(*stub_, &ProjectStub::GetProject, annotator, v1::GetProjectRequest());
  ASSERT_TRUE(shown.ok()) << shown.status();
  const auto listed = Rpc(*stub_, &ProjectStub::ListProjects, annotator, v1::ListProjectsRequest());
  const auto status = Rpc(*stub_, &ProjectStub::GetStatus, annotator, v1::GetStatusRequest());
  ASSERT_TRUE(status.ok()) << status.status();
  for (const v1::Project& project : {*shown, listed->projects(0), status->project()}) {
    EXPECT_EQ(project.seed(), 0U);
    EXPECT_EQ(project.holdout_fraction(), 0);
    EXPECT_EQ(project.classes_size(), 2);
  }
  EXPECT_NE(made->seed(), Create(Request("others"))->seed()) << "nobody can guess it";
}

TEST_F(ProjectServiceTest, ARepeatedRequestMakesOneProject) {
  const v1::CreateProjectRequest request = Request("once");
  const auto first = Create(request);
  const auto second = Create(request);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
  v1::CreateProjectRequest other = request;
  other.set_name("another");
  const auto reused = Create(other);
  EXPECT_EQ(reused.status().code(), Code::kAlreadyExists);
  EXPECT_EQ(ErrorReason(reused.status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(ErrorReason(Create(Request("once")).status()), "PROJECT_EXISTS");
  const auto theirs = Rpc(*stub_, &ProjectStub::CreateProject, coordinator_.Token(v1::ENGINEER), other);
  EXPECT_TRUE(theirs.ok()) << "a request_id belongs to its token: " << theirs.status();
}

TEST_F(ProjectServiceTest, RefusesBadInputAndChangesNothing) {
  const auto refused = [&](auto change) {
    v1::CreateProjectRequest request = Request("refused");
    change(request);
    return Create(request).status().code();
  };
  using Request = v1::CreateProjectRequest;
  EXPECT_EQ(refused([](Request& r) { r.clear_classes(); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.add_classes("dent"); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.add_classes(""); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.add_classes(std::string("a\0b", 3)); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.set_name(""); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.set_name("a b"); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.set_name(std::string("a\0b", 3)); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.set_holdout_fraction(0.91); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.set_holdout_fraction(-0.1); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.set_holdout_fraction(std::nan("")); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.set_strategy("guess"); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Request& r) { r.set_request_id(std::string(65, 'x')); }), Code::kInvalidArgument);
  v1::GetProjectRequest get;
  const auto none = Rpc(*stub_, &ProjectStub::GetProject, engineer_, get);
  EXPECT_EQ(ErrorReason(none.status()), "NO_SUCH_PROJECT");
}

TEST_F(ProjectServiceTest, PagesInOrderAndNeedsANameWhenThereAreSeveral) {
  for (const char* name : {"c", "a", "b"}) ASSERT_TRUE(Create(Request(name)).ok());
  v1::ListProjectsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    const auto page = Rpc(*stub_, &ProjectStub::ListProjects, engineer_, request);
    ASSERT_TRUE(page.ok());
    for (const v1::Project& project : page->projects()) names.push_back(project.name());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, testing::ElementsAre("c", "a", "b"));
  request.set_page_size(3);
  const auto whole = Rpc(*stub_, &ProjectStub::ListProjects, engineer_, request);
  EXPECT_EQ(whole->projects_size(), 3);
  EXPECT_EQ(whole->next_page_token(), "") << "no page follows";
  request.set_page_token("x");
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::ListProjects, engineer_, request).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::GetStatus, engineer_, v1::GetStatusRequest()).status()),
            "NO_SUCH_PROJECT");
}

TEST_F(ProjectServiceTest, ADeletedProjectIsGoneWithItsPicturesAndItsNameIsFree) {
  ASSERT_TRUE(Create(Request("parts")).ok());
  ASSERT_TRUE(Create(Request("others")).ok());
  const auto import = [&](const char* project, uint32_t first) {
    v1::ImportStart start;
    start.set_request_id(NextRequestId());
    start.set_project(project);
    return ImportPictures(coordinator_.channel(), engineer_, start, PlainPictures(3, first));
  };
  ASSERT_TRUE(import("parts", 0).ok());
  ASSERT_TRUE(import("others", 2).ok());  // one picture is in both
  const auto labeling = v1::LabelingService::NewStub(coordinator_.channel());
  v1::NextTasksRequest next;
  next.set_request_id(NextRequestId());
  next.set_project("parts");
  const auto taken = Rpc(*labeling, &v1::LabelingService::Stub::NextTasks, engineer_, next);
  ASSERT_TRUE(taken.ok()) << taken.status();
  const auto pictures = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(coordinator_.blob_folder())) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(pictures(), 5);

  const std::string admin = coordinator_.Token(v1::ADMIN);
  v1::DeleteProjectRequest request;
  request.set_project("parts");
  request.set_confirm("part");
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::DeleteProject, admin, request).status()), "NOT_CONFIRMED");
  request.set_confirm("parts");
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::DeleteProject, engineer_, request).status()), "WRONG_ROLE");
  EXPECT_EQ(pictures(), 5);
  const auto deleted = Rpc(*stub_, &ProjectStub::DeleteProject, admin, request);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->erased_images(), 2U);
  EXPECT_EQ(deleted->shared_images(), 1U);
  EXPECT_EQ(pictures(), 3) << "what another project has stays";
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::DeleteProject, admin, request).status()),
            "NO_SUCH_PROJECT");

  v1::SubmitRequest late;
  late.set_request_id(NextRequestId());
  late.set_task_id(taken->tasks(0).task_id());
  late.set_lease(taken->tasks(0).lease());
  EXPECT_EQ(ErrorReason(Rpc(*labeling, &v1::LabelingService::Stub::Submit, engineer_, late).status()),
            "TASK_ENDED");
  v1::GetProjectRequest only;
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::GetProject, engineer_, only)->name(), "others");
  EXPECT_TRUE(Create(Request("parts")).ok()) << "the name is free";
  EXPECT_TRUE(import("parts", 0).ok()) << "another project may have the same pictures";
}

TEST_F(ProjectServiceTest, ADeletionThatWasCutGoesOn) {
  ASSERT_TRUE(Create(Request("parts")).ok());
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  ASSERT_TRUE(ImportPictures(coordinator_.channel(), engineer_, start, PlainPictures(3, 0)).ok());
  coordinator_.database().Sql("UPDATE project SET deleted_at = now()");
  const absl::StatusOr<BlobStore> blobs = BlobStore::Open(coordinator_.blob_folder());
  ASSERT_TRUE(blobs.ok());
  Metrics metrics({});
  const LeaseReaper reaper(coordinator_.database().get(), *blobs, metrics);
  for (int i = 0; i < 200; ++i) {
    if (coordinator_.database().Sql("SELECT count(*) FROM image WHERE state <> 'removed'")[0][0].as<int>() ==
        0) {
      return;
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
  FAIL() << "nobody erased the pictures";
}

TEST_F(ProjectServiceTest, AProjectHasAtMostAThousandClasses) {
  v1::CreateProjectRequest request = Request("parts");
  request.clear_classes();
  for (int i = 0; i < 1001; ++i) request.add_classes(absl::StrCat("class ", i));
  EXPECT_EQ(ErrorReason(Create(request).status()), "TOO_MANY_CLASSES");
  request.mutable_classes()->RemoveLast();
  request.set_request_id(NextRequestId());
  ASSERT_TRUE(Create(request).ok());
  v1::AddClassRequest more;
  more.set_request_id(NextRequestId());
  more.set_name("one more");
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::AddClass, engineer_, more).status()), "TOO_MANY_CLASSES");
}

TEST_F(ProjectServiceTest, GuidelinesHaveVersions) {
  ASSERT_TRUE(Create(Request("parts")).ok());
  const std::string annotator = coordinator_.Token(v1::ANNOTATOR);
  EXPECT_EQ(
      ErrorReason(Rpc(*stub_, &ProjectStub::GetGuidelines, annotator, v1::GetGuidelinesRequest()).status()),
      "NO_SUCH_GUIDELINES");
  v1::SetGuidelinesRequest set;
  set.set_content("# Dents\n\nDraw tight boxes.\n");
  for (uint32_t version = 1; version <= 2; ++version) {
    set.set_request_id(NextRequestId());
    const auto made = Rpc(*stub_, &ProjectStub::SetGuidelines, engineer_, set);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->version(), version);
    EXPECT_EQ(Rpc(*stub_, &ProjectStub::SetGuidelines, engineer_, set)->version(), version) << "repeated";
    set.set_content("Draw boxes.");
  }
  v1::GetGuidelinesRequest get;
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::GetGuidelines, annotator, get)->content(), "Draw boxes.");
  get.set_version(1);
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::GetGuidelines, annotator, get)->content(),
            "# Dents\n\nDraw tight boxes.\n");
  get.set_version(3);
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::GetGuidelines, annotator, get).status()),
            "NO_SUCH_GUIDELINES");
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::GetProject, annotator, v1::GetProjectRequest())->guidelines_version(),
            2U);
  set.set_request_id(NextRequestId());
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::SetGuidelines, annotator, set).status()), "WRONG_ROLE");
  set.set_content("");
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::SetGuidelines, engineer_, set).status().code(), Code::kInvalidArgument);
}

TEST_F(ProjectServiceTest, TheIntensityRangeIsFixedOnceARoundUsedIt) {
  v1::CreateProjectRequest create = Request("parts");
  create.mutable_intensity_range()->set_low(64);
  create.mutable_intensity_range()->set_high(4095);
  EXPECT_EQ(Create(create)->intensity_range().high(), 4095U);
  v1::SetIntensityRangeRequest set;
  set.mutable_intensity_range()->set_low(10);
  for (const uint32_t high : {10U, 65536U}) {
    set.set_request_id(NextRequestId());
    set.mutable_intensity_range()->set_high(high);
    EXPECT_EQ(Rpc(*stub_, &ProjectStub::SetIntensityRange, engineer_, set).status().code(),
              Code::kInvalidArgument)
        << high;
  }
  set.set_request_id(NextRequestId());
  set.mutable_intensity_range()->set_high(1023);
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::SetIntensityRange, engineer_, set)->intensity_range().high(), 1023U);
  coordinator_.database().Sql(
      "INSERT INTO snapshot (project_id) VALUES (1); INSERT INTO round (project_id, number, state, recipe, "
      "snapshot_id, submitted_by) VALUES (1, 1, 'waiting', '', 1, 1)");
  set.set_request_id(NextRequestId());
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::SetIntensityRange, engineer_, set).status()), "HAS_ROUNDS");
}

}  // namespace
}  // namespace loupe
