#include "client/cli/message_json.h"

#include <array>
#include <charconv>

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/time_util.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "content/sha256.h"
#include "proto/class_index.h"

namespace loupe {
namespace {

Json HashJson(const std::string& bytes) {
  const auto hash = FromBytes(bytes);
  return hash ? Json(ToHex(*hash)) : Json();
}

// COCO's -1 stands for undefined.
Json FigureJson(double value) { return value < 0 ? Json() : Json(value); }

// With the shortest text that reads back to the same float, as exports have it. As a double it would have
// eight digits more.
Json RealJson(float number) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return Json::parse(text.data(), end);
}

template <typename Message>
Json TimeJson(const Message& message, bool present) {
  return present ? Json(TimeText(message)) : Json();
}

// For numbers where 0 means none.
Json NumberJson(uint32_t number) { return number == 0 ? Json() : Json(number); }

Json NumbersJson(const google::protobuf::RepeatedField<uint32_t>& numbers) {
  return std::vector<uint32_t>(numbers.begin(), numbers.end());
}

Json GateJson(const v1::Gate& gate) {
  Json json = {{"outcome", GateName(gate.outcome())},
               {"against_model", NumberJson(gate.against_model())},
               {"images", gate.images()}};
  const bool compared = gate.outcome() == v1::GATE_PASSED || gate.outcome() == v1::GATE_HELD;
  json["against_ap50"] = compared ? FigureJson(gate.against_ap50()) : Json();
  json["difference"] = compared ? Json(gate.difference()) : Json();
  json["difference_low"] = compared ? Json(gate.difference_low()) : Json();
  json["difference_high"] = compared ? Json(gate.difference_high()) : Json();
  return json;
}

Json ProgressJson(const v1::JobProgress& progress) {
  return {{"kind", progress.kind()},
          {"done", progress.done()},
          {"total", progress.total()},
          {"loss", progress.loss()},
          {"images_per_second", progress.images_per_second()},
          {"resumed_from", progress.resumed_from()},
          {"ap50", progress.has_ap50() ? Json(progress.ap50()) : Json()}};
}

Json RevisionJson(const v1::Revision& revision) {
  Json json = {{"revision_id", revision.revision_id()},
               {"number", revision.number()},
               {"source", revision.source()},
               {"author", revision.author()},
               {"created_at", TimeJson(revision.created_at(), revision.has_created_at())},
               {"blind", revision.blind()},
               {"late", revision.late()},
               {"standing", StandingName(revision.standing())},
               {"based_on", NumberJson(revision.based_on())},
               {"withdrawal", revision.withdrawal() == 0 ? Json() : Json(revision.withdrawal())},
               {"spent_ms", revision.spent_ms()},
               {"client", revision.client()},
               {"note", revision.note()},
               {"flags", std::vector<std::string>(revision.flags().begin(), revision.flags().end())},
               {"task_id", revision.task_id() == 0 ? Json() : Json(revision.task_id())},
               {"reason", revision.has_reason() ? ReasonJson(revision.reason()) : Json()},
               {"shown_model", NumberJson(revision.shown_model())}};
  json["previous_hash"] = HashJson(revision.previous_hash());
  json["hash"] = HashJson(revision.hash());
  return json;
}

Json LabelBoxJson(const v1::LabelBox& box, const ClassNames& classes) {
  return {{"box_id", box.box_id()},
          {"box", BoxJson(box.box())},
          {"label", box.label()},
          {"class", classes.Name(box.label())},
          {"origin", OriginName(box.origin())},
          {"ignore", box.ignore()}};
}

Json WholeRevisionJson(const v1::Revision& revision, const ClassNames& classes) {
  Json json = RevisionJson(revision);
  json["boxes"] = Json::array();
  for (const v1::LabelBox& box : revision.boxes()) json["boxes"].push_back(LabelBoxJson(box, classes));
  json["shown_boxes"] = Json::array();
  for (const v1::ShownBox& shown : revision.shown_boxes()) {
    Json box = PredictedBoxJson(shown.box(), classes);
    box["outcome"] = OutcomeName(shown.outcome());
    box["calibrated_score"] = shown.has_calibrated_score() ? Json(shown.calibrated_score()) : Json();
    json["shown_boxes"].push_back(std::move(box));
  }
  return json;
}

Json BoxSourceJson(const v1::BoxSource& source, const ClassNames& classes) {
  Json json = PredictedBoxJson(source.box(), classes);
  json["model"] = source.model();
  json["outcome"] = OutcomeName(source.outcome());
  json["iou"] = source.iou();
  json["calibrated_score"] = source.has_calibrated_score() ? Json(source.calibrated_score()) : Json();
  return json;
}

Json CalibrationJson(const v1::Calibration& calibration, const ClassNames& classes) {
  Json json = {{"images", calibration.images()},
               {"detections", calibration.detections()},
               {"error_before", calibration.has_error_before() ? Json(calibration.error_before()) : Json()},
               {"error_after", calibration.has_error_after() ? Json(calibration.error_after()) : Json()}};
  json["per_class"] = Json::array();
  size_t class_index = 0;
  for (const auto& of_class : calibration.classes()) {
    const uint32_t label = LabelOf(class_index++);
    json["per_class"].push_back(
        {{"label", label}, {"class", classes.Name(label)}, {"kind", of_class.kind()}});
  }
  return json;
}

Json PseudoLabelsJson(const v1::PseudoLabels& pseudo_labels, const ClassNames& classes) {
  Json json = {{"model", NumberJson(pseudo_labels.model())},
               {"images", pseudo_labels.images()},
               {"boxes", pseudo_labels.boxes()}};
  json["per_class"] = Json::array();
  for (const v1::ClassPseudoLabels& one : pseudo_labels.classes()) {
    json["per_class"].push_back({{"label", one.label()},
                                 {"class", classes.Name(one.label())},
                                 {"boxes", one.boxes()},
                                 {"min_score", one.has_min_score() ? Json(one.min_score()) : Json()},
                                 {"judged", one.judged()},
                                 {"correct", one.correct()}});
  }
  return json;
}

}  // namespace

ClassNames::ClassNames(const v1::Project& project) {
  for (const v1::Class& known : project.classes()) {
    if (known.label() > names_.size()) names_.resize(known.label());
    if (known.label() > 0) names_[ClassIndexOf(known.label())] = known.name();
    if (!known.retired()) offered_.push_back(known.name());
  }
}

std::string ClassNames::Name(uint32_t label) const {
  return label >= 1 && label <= names_.size() ? names_[ClassIndexOf(label)] : absl::StrCat(label);
}

std::optional<uint32_t> ClassNames::Label(std::string_view name) const {
  for (size_t class_index = 0; class_index < names_.size(); ++class_index) {
    if (names_[class_index] == name) return LabelOf(class_index);
  }
  return std::nullopt;
}

std::string InList(const std::string& name) {
  return name.find_first_of(",\"") == std::string::npos ? name : Json(name).dump();
}

std::string ClassNames::Listing() const {
  return absl::StrJoin(offered_, ", ", [](std::string* text, const std::string& name) {
    absl::StrAppend(text, InList(name));
  });
}

std::string SideName(v1::Side side) { return absl::AsciiStrToLower(v1::Side_Name(side)); }

std::string SliceName(v1::Slice slice) {
  return std::string(absl::StripPrefix(absl::AsciiStrToLower(v1::Slice_Name(slice)), "slice_"));
}

std::string OriginName(v1::Origin origin) { return absl::AsciiStrToLower(v1::Origin_Name(origin)); }

std::string GateName(v1::GateOutcome outcome) {
  switch (outcome) {
    case v1::GATE_FIRST:
      return "first";
    case v1::GATE_PASSED:
      return "passed";
    case v1::GATE_HELD:
      return "held";
    case v1::GATE_NOT_JUDGED:
      return "not judged";
    default:
      return "";
  }
}

std::string OutcomeName(v1::Outcome outcome) {
  return std::string(absl::StripPrefix(absl::AsciiStrToLower(v1::Outcome_Name(outcome)), "outcome_"));
}

bool BecameABox(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_ACCEPTED || outcome == v1::OUTCOME_ACCEPTED_AT_ONCE ||
         outcome == v1::OUTCOME_ADJUSTED || outcome == v1::OUTCOME_RELABELLED;
}

std::string StandingName(v1::Standing standing) {
  return std::string(absl::StripPrefix(absl::AsciiStrToLower(v1::Standing_Name(standing)), "standing_"));
}

std::string ImageStateName(v1::ImageState state) { return absl::AsciiStrToLower(v1::ImageState_Name(state)); }

std::string ImageStateText(const v1::Image& image) {
  const std::string state = absl::StrReplaceAll(ImageStateName(image.state()), {{"_", " "}});
  return image.state_reason().empty() ? state : absl::StrCat(state, ": ", image.state_reason());
}

std::string RoleName(v1::Role role) { return absl::AsciiStrToLower(v1::Role_Name(role)); }

std::string TimeText(const google::protobuf::Timestamp& time) {
  return google::protobuf::util::TimeUtil::ToString(time);
}

bool TellsSplit(const v1::Project& project) { return project.seed() != 0; }

Json BoxJson(const v1::Box& box) {
  return Json::array({RealJson(box.x1()), RealJson(box.y1()), RealJson(box.x2()), RealJson(box.y2())});
}

Json ImageJson(const v1::Image& image) {
  const bool hidden = image.side() == v1::SIDE_UNSPECIFIED;  // from annotators
  return {{"id", image.id()},
          {"sha256", HashJson(image.sha256())},
          {"file_name", image.file_name()},
          {"width", image.width()},
          {"height", image.height()},
          {"size_bytes", image.size_bytes()},
          {"media_type", image.media_type()},
          {"side", hidden ? Json() : Json(SideName(image.side()))},
          {"sampling_key", hidden ? Json() : Json(image.sampling_key())},
          {"group", image.group().empty() ? Json() : Json(image.group())},
          {"revisions", image.revisions()},
          {"labelled", image.labelled()},
          {"state", ImageStateName(image.state())},
          {"state_reason", image.state_reason().empty() ? Json() : Json(image.state_reason())}};
}

Json LabelErrorJson(const v1::LabelError& error, const ClassNames& classes) {
  const std::string kind = absl::AsciiStrToLower(v1::LabelErrorKind_Name(error.kind()));
  Json json = {{"kind", kind.substr(kind.find('_') + 1)}, {"log_odds", error.log_odds()}};
  if (error.box_id() != 0) json["box_id"] = error.box_id();
  if (error.has_box())
    json["proposed"] = {{"box", BoxJson(error.box())}, {"class", classes.Name(error.label())}};
  return json;
}

Json PredictedBoxJson(const v1::PredictedBox& box, const ClassNames& classes) {
  Json json = {{"index", box.index()},           {"box", BoxJson(box.box())},
               {"label", box.label()},           {"class", classes.Name(box.label())},
               {"score", RealJson(box.score())}, {"side_certainty", Json()}};
  for (const float certainty : box.side_certainty()) json["side_certainty"].push_back(RealJson(certainty));
  return json;
}

Json ReasonJson(const v1::Reason& reason) {
  return {{"generation", reason.generation()},
          {"position", reason.position()},
          {"slice", reason.slice() == v1::SLICE_UNSPECIFIED ? Json() : Json(SliceName(reason.slice()))},
          {"score", reason.has_score() ? Json(reason.score()) : Json()},
          {"model", NumberJson(reason.model())},
          {"probability", reason.has_probability() ? Json(reason.probability()) : Json()}};
}

Json ClassJson(const v1::Class& one) {
  return {{"label", one.label()},
          {"name", one.name()},
          {"retired", one.retired()},
          {"color", one.display().color().empty() ? Json() : Json(one.display().color())},
          {"key", one.display().key().empty() ? Json() : Json(one.display().key())}};
}

Json ProjectJson(const v1::Project& project) {
  Json json = {{"id", project.id()}, {"name", project.name()}};
  json["classes"] = Json::array();
  for (const v1::Class& known : project.classes()) {
    json["classes"].push_back(ClassJson(known));
  }
  json["guidelines_version"] = project.guidelines_version();
  json["holdout_fraction"] = TellsSplit(project) ? Json(project.holdout_fraction()) : Json();
  json["seed"] = TellsSplit(project) ? Json(project.seed()) : Json();
  json["strategy"] = project.strategy();
  json["intensity_range"] = {{"low", project.intensity_range().low()},
                             {"high", project.intensity_range().high()}};
  json["holdout_target"] = project.holdout_target();
  json["overlap_share"] = project.overlap_share();
  json["planted_share"] = TellsSplit(project) ? Json(project.planted_share()) : Json();
  json["pause_on_alarm"] = TellsSplit(project) ? Json(project.pause_on_alarm()) : Json();
  json["reveal_planted"] = project.reveal_planted();
  json["created_at"] = TimeJson(project.created_at(), project.has_created_at());
  return json;
}

Json StatusJson(const v1::ProjectStatus& status) {
  Json json = {
      {"project", status.project().name()},
      {"images", status.images()},
      {"labelled", status.labelled()},
      {"open_leases", status.open_leases()},
      {"serving_model", NumberJson(status.serving_model())},
      {"latest_round", NumberJson(status.latest_round())},
      {"latest_round_state", status.latest_round() == 0 ? Json() : Json(status.latest_round_state())}};
  if (!TellsSplit(status.project())) return json;
  json["answers_beside_truth"] = status.answers_beside_truth();
  json["pool_images"] = status.pool_images();
  json["pool_labelled"] = status.pool_labelled();
  json["holdout_images"] = status.holdout_images();
  json["holdout_labelled"] = status.holdout_labelled();
  json["holdout_not_blind"] = status.holdout_not_blind();
  json["holdout_is_random_sample"] = status.holdout_is_random_sample();
  json["classes"] = Json::array();
  for (const v1::ClassCount& count : status.class_counts()) {
    json["classes"].push_back({{"label", count.class_().label()},
                               {"name", count.class_().name()},
                               {"boxes", count.boxes()},
                               {"images", count.images()},
                               {"images_to_look_at", count.images_to_look_at()},
                               {"retired", count.class_().retired()}});
  }
  json["queue_length"] = status.queue_length();
  json["boxes"] = {{"drawn", status.boxes_drawn()},       {"accepted", status.boxes_accepted()},
                   {"adjusted", status.boxes_adjusted()}, {"relabelled", status.boxes_relabelled()},
                   {"copied", status.boxes_copied()},     {"imported", status.boxes_imported()},
                   {"rejected", status.boxes_rejected()}, {"dropped", status.boxes_dropped()}};
  json["images_set_aside"] = status.images_set_aside();
  json["images_excluded"] = status.images_excluded();
  json["images_removed"] = status.images_removed();
  json["workers"] = Json::array();
  for (const v1::WorkerStatus& worker : status.workers()) {
    json["workers"].push_back({{"name", worker.name()},
                               {"last_heard", TimeJson(worker.last_heard(), true)},
                               {"is_here", worker.is_here()},
                               {"job", worker.job().empty() ? Json() : Json(worker.job())},
                               {"project", worker.job().empty() ? Json() : Json(worker.project())},
                               {"round", NumberJson(worker.round())}});
  }
  return json;
}

Json EvaluationJson(const v1::Evaluation& evaluation, const ClassNames& classes) {
  Json json = {{"images", evaluation.images()},
               {"ap", FigureJson(evaluation.ap())},
               {"ap50", FigureJson(evaluation.ap50())},
               {"ap75", FigureJson(evaluation.ap75())},
               {"random_sample", evaluation.random_sample()}};
  json["per_class"] = Json::array();
  for (const v1::ClassAp& one : evaluation.per_class()) {
    json["per_class"].push_back({{"label", one.label()},
                                 {"class", classes.Name(one.label())},
                                 {"ap", FigureJson(one.ap())},
                                 {"ap50", FigureJson(one.ap50())}});
  }
  if (evaluation.has_calibration()) json["calibration"] = CalibrationJson(evaluation.calibration(), classes);
  return json;
}

Json RoundJson(const v1::Round& round, const ClassNames& classes) {
  std::string recipe;
  google::protobuf::TextFormat::PrintToString(round.recipe(), &recipe);
  Json json = {{"id", round.id()},
               {"number", round.number()},
               {"state", round.state()},
               {"snapshot_images", round.snapshot_images()},
               {"snapshot_boxes", round.snapshot_boxes()},
               {"pseudo_labels",
                round.has_pseudo_labels() ? PseudoLabelsJson(round.pseudo_labels(), classes) : Json()},
               {"model", NumberJson(round.model())},
               {"evaluation", round.has_evaluation() ? EvaluationJson(round.evaluation(), classes) : Json()},
               {"gate", round.has_gate() ? GateJson(round.gate()) : Json()},
               {"progress", round.has_progress() ? ProgressJson(round.progress()) : Json()},
               {"error", round.error().empty() ? Json() : Json(round.error())},
               {"set_aside_total", round.set_aside_total()},
               {"waits_for_worker", round.waits_for_worker()},
               {"workers", round.workers()},
               {"seconds_left", round.has_seconds_left() ? Json(round.seconds_left()) : Json()},
               {"created_at", TimeJson(round.created_at(), round.has_created_at())},
               {"ended_at", TimeJson(round.ended_at(), round.has_ended_at())}};
  json["steps"] = Json::array();
  for (const v1::StepTime& step : round.steps()) {
    json["steps"].push_back({{"step", step.step()}, {"seconds", step.seconds()}});
  }
  json["set_aside"] = Json::array();
  for (const v1::Image& image : round.set_aside()) {
    json["set_aside"].push_back(
        {{"id", image.id()}, {"file_name", image.file_name()}, {"reason", image.state_reason()}});
  }
  json["recipe"] = recipe;
  return json;
}

Json PlanJson(const v1::RoundPlan& plan) {
  std::string recipe;
  google::protobuf::TextFormat::PrintToString(plan.recipe(), &recipe);
  const auto known = [](bool has, double value) { return has ? Json(value) : Json(); };
  return {{"snapshot_images", plan.snapshot_images()},
          {"snapshot_boxes", plan.snapshot_boxes()},
          {"evaluated_images", plan.evaluated_images()},
          {"predicted_images", plan.predicted_images()},
          {"rounds_before", plan.rounds_before()},
          {"workers", plan.workers()},
          {"training_rate", known(plan.has_training_rate(), plan.training_rate())},
          {"prediction_rate", known(plan.has_prediction_rate(), plan.prediction_rate())},
          {"training_seconds", known(plan.has_training_seconds(), plan.training_seconds())},
          {"evaluating_seconds", known(plan.has_evaluating_seconds(), plan.evaluating_seconds())},
          {"predicting_seconds", known(plan.has_predicting_seconds(), plan.predicting_seconds())},
          {"checking_seconds", known(plan.has_checking_seconds(), plan.checking_seconds())},
          {"recipe", recipe}};
}

Json ModelJson(const v1::Model& model, const ClassNames& classes) {
  return {{"id", model.id()},
          {"number", model.number()},
          {"name", model.name()},
          {"preset", model.preset()},
          {"state", model.state()},
          {"replaced", NumberJson(model.replaced())},
          {"parent", NumberJson(model.parent())},
          {"round", NumberJson(model.round())},
          {"weights_sha256", HashJson(model.weights_sha256())},
          {"weights_bytes", model.weights_bytes()},
          {"snapshot_images", model.snapshot_images()},
          {"snapshot_boxes", model.snapshot_boxes()},
          {"evaluation", model.has_evaluation() ? EvaluationJson(model.evaluation(), classes) : Json()},
          {"relabelled_images", model.relabelled_images()},
          {"withdrawn_labels", model.withdrawn_labels()},
          {"evaluation_now",
           model.has_evaluation_now() ? EvaluationJson(model.evaluation_now(), classes) : Json()},
          {"gate", model.has_gate() ? GateJson(model.gate()) : Json()},
          {"created_at", TimeJson(model.created_at(), model.has_created_at())}};
}

Json QueueEntryJson(const v1::QueueEntry& entry, const ClassNames& classes) {
  Json json = {{"image", ImageJson(entry.image())},
               {"reason", ReasonJson(entry.reason())},
               {"blind", entry.blind()},
               {"state", entry.state()}};
  json["predicted"] = Json::array();
  for (const v1::PredictedClass& predicted : entry.predicted()) {
    json["predicted"].push_back({{"label", predicted.label()},
                                 {"class", classes.Name(predicted.label())},
                                 {"score", predicted.score()}});
  }
  json["held_by"] = entry.held_by().empty() ? Json() : Json(entry.held_by());
  json["lease_expires_at"] = TimeJson(entry.lease_expires_at(), entry.has_lease_expires_at());
  return json;
}

Json ProvenanceJson(const v1::ImageProvenance& provenance, const ClassNames& classes) {
  Json json = {{"image", ImageJson(provenance.image())}};
  json["revisions"] = Json::array();
  for (const v1::Revision& revision : provenance.revisions()) {
    json["revisions"].push_back(WholeRevisionJson(revision, classes));
  }
  json["trained_in_rounds"] = NumbersJson(provenance.trained_in_rounds());
  json["pseudo_labelled_in_rounds"] = NumbersJson(provenance.pseudo_labelled_in_rounds());
  json["predicted_by_models"] = NumbersJson(provenance.predicted_by_models());
  return json;
}

Json BoxProvenanceJson(const v1::BoxProvenance& provenance, const ClassNames& classes) {
  Json json = {{"box_id", provenance.box_id()},
               {"image", ImageJson(provenance.image())},
               {"in_truth", provenance.in_truth()}};
  json["revisions"] = Json::array();
  for (const v1::BoxRevision& held : provenance.revisions()) {
    Json revision = RevisionJson(held.revision());
    revision["box"] = LabelBoxJson(held.box(), classes);
    revision["box_spent_ms"] = held.has_spent_ms() ? Json(held.spent_ms()) : Json();
    revision["made_from"] = held.has_source() ? BoxSourceJson(held.source(), classes) : Json();
    json["revisions"].push_back(std::move(revision));
  }
  json["trained_models"] = NumbersJson(provenance.trained_models());
  return json;
}

Json ModelProvenanceJson(const v1::ModelProvenance& provenance, const ClassNames& classes) {
  Json json = {{"model", ModelJson(provenance.model(), classes)},
               {"ancestors", NumbersJson(provenance.ancestors())},
               {"descendants", NumbersJson(provenance.descendants())}};
  json["origins"] = Json::array();
  for (const v1::OriginCount& count : provenance.origins()) {
    json["origins"].push_back({{"origin", OriginName(count.origin())}, {"boxes", count.boxes()}});
  }
  json["authors"] = Json::array();
  for (const v1::AuthorCount& count : provenance.authors()) {
    json["authors"].push_back({{"author", count.author()},
                               {"images", count.images()},
                               {"blind_images", count.blind_images()},
                               {"boxes", count.boxes()}});
  }
  return json;
}

Json EventJson(const v1::Event& event, const ClassNames& classes) {
  Json json = {{"event_id", event.event_id()}, {"created_at", TimeText(event.created_at())}};
  if (!event.author().empty()) json["author"] = event.author();
  if (event.image_id() != 0) json["image_id"] = event.image_id();
  if (!event.file_name().empty()) json["file_name"] = event.file_name();
  switch (event.change_case()) {
    case v1::Event::kRevisionAdded: {
      const v1::RevisionAdded& added = event.revision_added();
      json["kind"] = "revision_added";
      json["revision_id"] = added.revision_id();
      json["revision"] = added.number();
      json["source"] = added.source();
      json["standing"] = StandingName(added.standing());
      json["based_on"] = NumberJson(added.based_on());
      json["truth_before"] = NumberJson(added.truth_before());
      json["truth_after"] = NumberJson(added.truth_after());
      json["boxes"] = Json::array();
      for (const v1::BoxChange& change : added.boxes()) {
        json["boxes"].push_back(
            {{"before", change.has_before() ? LabelBoxJson(change.before(), classes) : Json()},
             {"after", change.has_after() ? LabelBoxJson(change.after(), classes) : Json()}});
      }
      break;
    }
    case v1::Event::kImageStateChanged:
      json["kind"] = "image_state_changed";
      json["state_before"] = ImageStateName(event.image_state_changed().before());
      json["state_after"] = ImageStateName(event.image_state_changed().after());
      break;
    case v1::Event::kModelServed:
      json["kind"] = "model_served";
      json["model_before"] = NumberJson(event.model_served().before());
      json["model_after"] = event.model_served().after();
      break;
    case v1::Event::CHANGE_NOT_SET:
      break;  // of a later coordinator
  }
  return json;
}

Json TokenJson(const v1::Token& token) {
  return {{"id", token.id()},
          {"name", token.name()},
          {"role", RoleName(token.role())},
          {"created_at", TimeJson(token.created_at(), token.has_created_at())},
          {"expires_at", TimeJson(token.expires_at(), token.has_expires_at())},
          {"revoked_at", TimeJson(token.revoked_at(), token.has_revoked_at())}};
}

}  // namespace loupe
