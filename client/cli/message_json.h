// Messages of the protocol as JSON with stable snake_case keys: what `--json` prints.
//
// Boxes are [x1, y1, x2, y2] in pixels; hashes 64 hexadecimal digits; times RFC 3339 in UTC; states, sides,
// slices, origins and roles lower-case words. Absent and undefined values are left out. A listing is an
// object with one array: {"rounds": [...]}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/print.h"
#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/labeling.pb.h"
#include "loupe/v1/model.pb.h"
#include "loupe/v1/project.pb.h"
#include "loupe/v1/provenance.pb.h"
#include "loupe/v1/round.pb.h"
#include "loupe/v1/token.pb.h"

namespace loupe {

// A project's classes by label and by name.
class ClassNames {
 public:
  explicit ClassNames(const v1::Project& project);

  // The class's name, or the number as text when the project has no such class.
  std::string Name(uint32_t label) const;
  // nullopt: the project has no such class.
  std::optional<uint32_t> Label(std::string_view name) const;
  // Names of classes that are not retired; and as "a, b, c", for messages.
  const std::vector<std::string>& offered() const { return offered_; }
  std::string Listing() const;
  // By class index.
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;    // in order of label
  std::vector<std::string> offered_;  // those that are not retired
};

// A name among others that a comma divides: in quotes if it holds a comma or a quote.
std::string InList(const std::string& name);

// As lower-case words.
std::string SideName(v1::Side side);
std::string SliceName(v1::Slice slice);
std::string OriginName(v1::Origin origin);
// `first`, `passed`, `held` or `not judged`; empty when there is none.
std::string GateName(v1::GateOutcome outcome);
std::string OutcomeName(v1::Outcome outcome);
// Whether the answer has a box that was made from the shown one.
bool BecameABox(v1::Outcome outcome);
std::string StandingName(v1::Standing standing);
std::string ImageStateName(v1::ImageState state);
// For people, with the reason if there is one: `set aside: can't be decoded`.
std::string ImageStateText(const v1::Image& image);
std::string RoleName(v1::Role role);
// RFC 3339, e.g. 2025-03-01T12:00:00Z.
std::string TimeText(const google::protobuf::Timestamp& time);

// Whether the project tells how it is split: it doesn't tell annotators.
bool TellsSplit(const v1::Project& project);

Json BoxJson(const v1::Box& box);
Json ImageJson(const v1::Image& image);
// `box_id` is that of the box that seems wrong, if one does; `proposed` what should be there, if something.
Json LabelErrorJson(const v1::LabelError& error, const ClassNames& classes);
Json PredictedBoxJson(const v1::PredictedBox& box, const ClassNames& classes);
Json ReasonJson(const v1::Reason& reason);
Json ClassJson(const v1::Class& one);
Json ProjectJson(const v1::Project& project);
Json StatusJson(const v1::ProjectStatus& status);
Json EvaluationJson(const v1::Evaluation& evaluation, const ClassNames& classes);
Json RoundJson(const v1::Round& round, const ClassNames& classes);
Json PlanJson(const v1::RoundPlan& plan);
Json ModelJson(const v1::Model& model, const ClassNames& classes);
Json QueueEntryJson(const v1::QueueEntry& entry, const ClassNames& classes);
Json ProvenanceJson(const v1::ImageProvenance& provenance, const ClassNames& classes);
Json BoxProvenanceJson(const v1::BoxProvenance& provenance, const ClassNames& classes);
Json ModelProvenanceJson(const v1::ModelProvenance& provenance, const ClassNames& classes);
Json EventJson(const v1::Event& event, const ClassNames& classes);
Json TokenJson(const v1::Token& token);

}  // namespace loupe
