#include "server/projects/project_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "proto/error_info.h"
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
  EXPECT_EQ(project->seed(), 1U);
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

TEST_F(ProjectServiceTest, ASeedOf64BitsComesBack) {
  v1::CreateProjectRequest request = Request("seeded");
  request.set_seed(0xfedcba9876543210U);
  const auto project = Create(request);
  ASSERT_TRUE(project.ok()) << project.status();
  EXPECT_EQ(project->seed(), 0xfedcba9876543210U);
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
  request.set_page_token("x");
  EXPECT_EQ(Rpc(*stub_, &ProjectStub::ListProjects, engineer_, request).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &ProjectStub::GetStatus, engineer_, v1::GetStatusRequest()).status()),
            "NO_SUCH_PROJECT");
}

}  // namespace
}  // namespace loupe
