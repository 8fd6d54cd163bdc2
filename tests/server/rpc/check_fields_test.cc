#include <string>

#include <gtest/gtest.h>

#include "loupe/v1/image.pb.h"
#include "loupe/v1/provenance.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {
namespace {

std::string Refusal(const google::protobuf::Message& message) {
  const absl::Status checked = CheckFields(message);
  EXPECT_TRUE(checked.ok() || checked.code() == absl::StatusCode::kInvalidArgument) << checked;
  return std::string(checked.message());
}

TEST(CheckFields, ANumberThatAnEnumHasNoNameForIsRefusedWithThoseItHas) {
  v1::ListImagesRequest request;
  request.set_side(v1::HOLDOUT);
  EXPECT_EQ(Refusal(request), "");
  request.set_side(static_cast<v1::Side>(1000));
  EXPECT_EQ(Refusal(request), "the field side is 1000: it is one of POOL, HOLDOUT");
  request.set_side(static_cast<v1::Side>(-1));
  EXPECT_EQ(Refusal(request), "the field side is -1: it is one of POOL, HOLDOUT");
}

TEST(CheckFields, SoIsOneInAListOfAnInnerMessage) {
  v1::QueryBoxesRequest request;
  request.mutable_filter()->add_origins(v1::DRAWN);
  EXPECT_EQ(Refusal(request), "");
  request.mutable_filter()->add_origins(static_cast<v1::Origin>(77));
  EXPECT_EQ(Refusal(request).find("the field origins is 77: it is one of "), 0u) << Refusal(request);
}

TEST(CheckFields, AControlCharacterIsRefusedWhereNoLinesAreWritten) {
  v1::ListImagesRequest request;
  request.set_project("par\nts");
  EXPECT_EQ(Refusal(request), "the field project holds a control character: leave it out");
}

}  // namespace
}  // namespace loupe
