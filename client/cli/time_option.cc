#include "client/cli/time_option.h"

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "client/cli/context.h"

namespace loupe {

absl::Status ReadTime(const char* option, const std::string& text, int days,
                      google::protobuf::Timestamp& time) {
  absl::Time moment;
  absl::CivilDay day;
  std::string error;
  if (absl::ParseCivilTime(text, &day)) {
    moment = absl::FromCivil(day + days, absl::UTCTimeZone());
  } else if (!absl::ParseTime(absl::RFC3339_full, text, &moment, &error)) {
    return UsageError(absl::StrCat(option, " ", text, " is no time: use 2026-11-29 or 2026-11-29T08:30:00Z"));
  }
  time.set_seconds(absl::ToUnixSeconds(moment));
  time.set_nanos(
      static_cast<int32_t>((moment - absl::FromUnixSeconds(time.seconds())) / absl::Nanoseconds(1)));
  return absl::OkStatus();
}

}  // namespace loupe
