// Turns fields and rows into messages of the protocol.
#pragma once

#include <string>

#include <google/protobuf/message_lite.h>
#include <google/protobuf/timestamp.pb.h>
#include <pqxx/result>

#include "db/sql_value.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

// All of these throw pqxx::conversion_error for a value that the schema doesn't allow. Database::Transact
// catches it.

google::protobuf::Timestamp TimestampOf(absl::Time time);
absl::Time TimeOf(const google::protobuf::Timestamp& timestamp);
// Whether it is within the years 1970 to 9999, as every time that is stored.
bool IsStorable(const google::protobuf::Timestamp& timestamp);
google::protobuf::Timestamp TimestampOf(const pqxx::field& field);

// Parses a message that is stored serialized in a bytea.
void ParseMessage(const pqxx::field& field, google::protobuf::MessageLite& message);

v1::Origin OriginOf(const pqxx::field& field);
std::string OriginName(v1::Origin origin);  // as the schema spells it

// From the columns id, sha256, file_name, width, height, size_bytes, media_type, sampling_key and group_name.
// When several columns have the same name, the first one is used.
v1::Image ImageOf(const pqxx::row& row, v1::Side side);

}  // namespace loupe
