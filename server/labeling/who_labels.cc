#include "server/labeling/who_labels.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/rows/message_row.h"
#include "db/stores/principal_store.h"
#include "proto/error_info.h"
#include "server/rpc/names.h"

namespace loupe {

absl::StatusOr<PrincipalId> FindWhoLabels(Transaction& transaction, const std::string& name) {
  const absl::StatusOr<PrincipalId> id = ReadReviewer(transaction, name);
  if (!id.ok()) return id;
  const v1::Token token = FindToken(transaction, *id).value();
  const bool labels =
      token.role() == v1::ANNOTATOR || token.role() == v1::ENGINEER || token.role() == v1::ADMIN;
  const bool ended =
      token.has_revoked_at() || (token.has_expires_at() && TimeOf(token.expires_at()) <= absl::Now());
  if (labels && !ended) return id;
  return Error(absl::StatusCode::kFailedPrecondition, "CANNOT_LABEL",
               absl::StrCat(name,
                            ended ? " can't label any more, since the token has ended"
                                  : absl::StrCat(" is a ", RoleName(token.role()), " and can't label"),
                            ": choose somebody else"));
}

}  // namespace loupe
