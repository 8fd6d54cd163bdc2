#include "client/cli/task_json.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

absl::StatusOr<Json> ParseObject(std::string_view text) {
  try {
    Json json = Json::parse(text);
    if (json.is_array())
      return absl::InvalidArgumentError("these are several tasks: give one of them, as a JSON object");
    if (!json.is_object())
      return absl::InvalidArgumentError("the task is no JSON object, as `loupe next` prints it");
    return json;
  } catch (const Json::parse_error& error) {
    const std::string_view before = text.substr(0, error.byte == 0 ? 0 : error.byte - 1);
    return absl::InvalidArgumentError(absl::StrCat("the task is broken JSON, in line ",
                                                   1 + std::count(before.begin(), before.end(), '\n')));
  }
}

absl::StatusOr<int64_t> Integer(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) {
    return absl::InvalidArgumentError(absl::StrCat("the task's \"", key, "\" is missing or no whole number"));
  }
  return found->get<int64_t>();
}

absl::Status ParseCorners(const Json& json, v1::Box& box) {
  if (!json.is_array() || json.size() != 4)
    return absl::InvalidArgumentError("\"box\" is not [x1, y1, x2, y2]");
  float corners[4];
  for (size_t i = 0; i < 4; ++i) {
    if (!json[i].is_number()) return absl::InvalidArgumentError("\"box\" holds something other than numbers");
    corners[i] = json[i].get<float>();
  }
  box.set_x1(corners[0]);
  box.set_y1(corners[1]);
  box.set_x2(corners[2]);
  box.set_y2(corners[3]);
  return absl::OkStatus();
}

// The class that had this name when the task was served, since a person chose by the names of then; else the
// class that has it now. served: the task's "classes".
std::optional<uint32_t> LabelOfName(const std::string& name, const Json& served, const ClassNames& classes) {
  const auto found = served.find(name);
  if (found != served.end() && found->is_number_unsigned() && found->get<uint64_t>() <= UINT32_MAX)
    return found->get<uint32_t>();
  return classes.Label(name);
}

absl::Status ParseClass(const std::string& key, const Json& value, const Json& served,
                        const ClassNames& classes, v1::CorrectedBox& box, std::optional<uint32_t>& named) {
  if (key == "label") {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > UINT32_MAX) {
      return absl::InvalidArgumentError("\"label\" is no class number");
    }
    box.set_label(value.get<uint32_t>());
    return absl::OkStatus();
  }
  const auto label =
      value.is_string() ? LabelOfName(value.get<std::string>(), served, classes) : std::nullopt;
  if (!label) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no class ", value.dump(), "; there are: ", classes.Listing()));
  }
  named = label;
  return absl::OkStatus();
}

absl::StatusOr<v1::CorrectedBox> ParseBox(const Json& json, const Json& served, const ClassNames& classes) {
  if (!json.is_object()) return absl::InvalidArgumentError("it is no JSON object");
  v1::CorrectedBox box;
  std::optional<uint32_t> named;  // by "class"
  absl::Status status;
  for (const auto& [key, value] : json.items()) {
    if (key == "box") {
      status = ParseCorners(value, *box.mutable_box());
    } else if (key == "class" || key == "label") {
      status = ParseClass(key, value, served, classes, box, named);
    } else if (key == "predicted_index" && value.is_number_unsigned() &&
               value.get<uint64_t>() <= UINT32_MAX) {
      box.set_predicted_index(value.get<uint32_t>());
    } else if (key == "box_id" && value.is_number_unsigned() && value.get<uint64_t>() <= INT64_MAX) {
      box.set_box_id(value.get<int64_t>());
    } else if (key == "spent_ms" && value.is_number_unsigned() && value.get<uint64_t>() <= UINT32_MAX) {
      box.set_spent_ms(value.get<uint32_t>());
    } else if (key == "ignore" && value.is_boolean()) {
      box.set_ignore(value.get<bool>());
    } else {
      status = absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is unknown or of a wrong type"));
    }
    if (!status.ok()) return status;
  }
  if (!box.has_box()) return absl::InvalidArgumentError("\"box\" is missing");
  if (named && box.label() != 0 && *named != box.label()) {
    return absl::InvalidArgumentError(absl::StrCat("\"class\" is ", classes.Name(*named), " and \"label\" ",
                                                   box.label(), " is ", classes.Name(box.label()),
                                                   ": leave one of them out"));
  }
  if (named) box.set_label(*named);
  if (box.label() == 0) return absl::InvalidArgumentError("\"class\" is missing");
  return box;
}

absl::Status ParseIndexes(const Json& json, const char* key,
                          google::protobuf::RepeatedField<uint32_t>& indexes) {
  const auto found = json.find(key);
  if (found == json.end()) return absl::OkStatus();
  const bool numbers = found->is_array() && std::all_of(found->begin(), found->end(), [](const Json& one) {
                         return one.is_number_unsigned() && one.get<uint64_t>() <= UINT32_MAX;
                       });
  if (!numbers) return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is no list of indexes"));
  for (const Json& one : *found) indexes.Add(one.get<uint32_t>());
  return absl::OkStatus();
}

// Without what a task doesn't tell anybody, lest it show which tasks are blind or planted.
Json TaskImageJson(const v1::Image& image) {
  Json json = ImageJson(image);
  for (const char* hidden : {"revisions", "labelled"}) json.erase(hidden);
  return json;
}

}  // namespace

Json TaskJson(const v1::Task& task, const ClassNames& classes) {
  Json json = {{"task_id", task.task_id()},
               {"lease", task.lease()},
               {"lease_expires_at", TimeText(task.lease_expires_at())},
               {"image", TaskImageJson(task.image())},
               {"blind", task.blind()}};
  json["predictions"] = Json::array();
  for (const v1::PredictedBox& box : task.predictions())
    json["predictions"].push_back(PredictedBoxJson(box, classes));
  if (task.has_reason()) {
    json["reason"] = ReasonJson(task.reason());
    if (task.reason().slice() == v1::SLICE_UNSPECIFIED) json["reason"].erase("position");
  }
  json["classes"] = Json::object();
  for (const std::string& name : classes.offered()) json["classes"][name] = *classes.Label(name);
  for (const uint32_t label : task.new_classes()) json["new_classes"].push_back(classes.Name(label));
  if (!task.request_reason().empty()) json["request_reason"] = task.request_reason();
  if (!task.note().empty()) json["note"] = task.note();
  for (const std::string& flag : task.flags()) json["flags"].push_back(flag);
  for (const v1::LabelError& error : task.label_errors())
    json["label_errors"].push_back(LabelErrorJson(error, classes));
  if (task.boxes().empty()) return json;
  json["boxes"] = Json::array();
  for (const v1::LabelBox& box : task.boxes()) {
    json["boxes"].push_back({{"box_id", box.box_id()},
                             {"box", BoxJson(box.box())},
                             {"class", classes.Name(box.label())},
                             {"ignore", box.ignore()}});
  }
  return json;
}

absl::StatusOr<v1::TaskLease> ParseTaskLease(std::string_view text) {
  const absl::StatusOr<Json> json = ParseObject(text);
  if (!json.ok()) return json.status();
  const auto task_id = Integer(*json, "task_id");
  if (!task_id.ok()) return task_id.status();
  const auto lease = Integer(*json, "lease");
  if (!lease.ok()) return lease.status();
  v1::TaskLease result;
  result.set_task_id(*task_id);
  result.set_lease(*lease);
  return result;
}

absl::StatusOr<v1::SubmitRequest> ParseCorrection(std::string_view text, const ClassNames& classes) {
  const absl::StatusOr<v1::TaskLease> lease = ParseTaskLease(text);
  if (!lease.ok()) return lease.status();
  const Json json = *ParseObject(text);
  v1::SubmitRequest request;
  request.set_task_id(lease->task_id());
  request.set_lease(lease->lease());
  if (const auto image = json.find("image"); image != json.end()) {
    const auto id = image->is_object() ? Integer(*image, "id") : absl::InvalidArgumentError("");
    if (!id.ok())
      return absl::InvalidArgumentError("\"image\" has no \"id\": keep it as `loupe next` prints it");
    request.set_image_id(*id);
  }
  const auto boxes = json.find("boxes");
  if (boxes == json.end() || !boxes->is_array()) {
    return absl::InvalidArgumentError(
        "the task has no \"boxes\": add an array of what is in the image, [] when it is clean");
  }
  const auto listed = json.find("classes");
  const Json served = listed != json.end() && listed->is_object() ? *listed : Json::object();
  for (size_t i = 0; i < boxes->size(); ++i) {
    const auto box = ParseBox((*boxes)[i], served, classes);
    if (!box.ok())
      return absl::InvalidArgumentError(absl::StrCat("box ", i, " of \"boxes\": ", box.status().message()));
    *request.add_boxes() = *box;
  }
  if (const auto spent = json.find("spent_ms"); spent != json.end()) {
    if (!spent->is_number_unsigned() || spent->get<uint64_t>() > UINT32_MAX) {
      return absl::InvalidArgumentError("\"spent_ms\" is no number of milliseconds");
    }
    request.set_spent_ms(spent->get<uint32_t>());
  }
  if (absl::Status indexes = ParseIndexes(json, "rejected", *request.mutable_rejected()); !indexes.ok()) {
    return indexes;
  }
  if (const auto note = json.find("note"); note != json.end()) {
    if (!note->is_string()) return absl::InvalidArgumentError("\"note\" is no text");
    request.set_note(note->get<std::string>());
  }
  if (const auto flags = json.find("flags"); flags != json.end()) {
    const bool texts = flags->is_array() && std::all_of(flags->begin(), flags->end(),
                                                        [](const Json& one) { return one.is_string(); });
    if (!texts) return absl::InvalidArgumentError("\"flags\" is no list of texts");
    for (const Json& one : *flags) request.add_flags(one.get<std::string>());
  }
  return request;
}

}  // namespace loupe
