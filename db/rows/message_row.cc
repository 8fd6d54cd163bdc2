#include "db/rows/message_row.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"

namespace loupe {

google::protobuf::Timestamp TimestampOf(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t micros = absl::ToUnixMicros(time);
  timestamp.set_seconds(micros / 1'000'000);
  timestamp.set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1000));
  return timestamp;
}

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

bool IsStorable(const google::protobuf::Timestamp& timestamp) {
  constexpr int64_t kLastSecond = 253'402'300'799;  // of the year 9999; a part of it is rounded up
  return timestamp.seconds() >= 0 && timestamp.seconds() < kLastSecond;
}

google::protobuf::Timestamp TimestampOf(const pqxx::field& field) { return TimestampOf(TimeOf(field)); }

void ParseMessage(const pqxx::field& field, google::protobuf::MessageLite& message) {
  if (!message.ParseFromString(BytesOf(field)))
    throw pqxx::conversion_error("a stored message can't be parsed");
}

v1::Origin OriginOf(const pqxx::field& field) {
  static constexpr std::array<std::pair<const char*, v1::Origin>, 6> kOrigins = {
      {{"drawn", v1::DRAWN},
       {"accepted", v1::ACCEPTED},
       {"adjusted", v1::ADJUSTED},
       {"relabelled", v1::RELABELLED},
       {"copied", v1::COPIED},
       {"imported", v1::IMPORTED}}};
  const std::string name = field.as<std::string>();
  for (const auto& [known, origin] : kOrigins) {
    if (name == known) return origin;
  }
  throw pqxx::conversion_error("unknown origin " + name);
}

std::string OriginName(v1::Origin origin) { return absl::AsciiStrToLower(v1::Origin_Name(origin)); }

v1::Image ImageOf(const pqxx::row& row, v1::Side side) {
  v1::Image image;
  image.set_id(row["id"].as<int64_t>());
  image.set_sha256(BytesOf(row["sha256"]));
  image.set_file_name(row["file_name"].as<std::string>());
  image.set_width(row["width"].as<uint32_t>());
  image.set_height(row["height"].as<uint32_t>());
  image.set_size_bytes(row["size_bytes"].as<uint64_t>());
  image.set_media_type(row["media_type"].as<std::string>());
  image.set_sampling_key(row["sampling_key"].as<double>());
  image.set_group(row["group_name"].as<std::string>());
  image.set_side(side);
  return image;
}

}  // namespace loupe
