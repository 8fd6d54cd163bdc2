#include "client/cli/box_filter.h"

#include <array>

#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/cli/option_check.h"
#include "client/cli/time_option.h"

namespace loupe {
namespace {

constexpr std::array kOrigins = {v1::DRAWN,      v1::ACCEPTED, v1::ADJUSTED,
                                 v1::RELABELLED, v1::COPIED,   v1::IMPORTED};
// Those of which a box comes.
constexpr std::array kOutcomes = {v1::OUTCOME_ACCEPTED, v1::OUTCOME_ACCEPTED_AT_ONCE, v1::OUTCOME_ADJUSTED,
                                  v1::OUTCOME_RELABELLED};
constexpr std::array kSlices = {v1::UNCERTAIN, v1::RARE, v1::RANDOM, v1::SLICE_HOLDOUT};

template <typename Values, typename Value>
std::vector<std::string> NamesOf(const Values& values, std::string (*name_of)(Value)) {
  std::vector<std::string> names;
  for (const Value value : values) names.push_back(name_of(value));
  return names;
}

// Requires: the name is one of theirs.
template <typename Values, typename Value>
Value ValueNamed(const std::string& name, const Values& values, std::string (*name_of)(Value)) {
  for (const Value value : values) {
    if (name_of(value) == name) return value;
  }
  return {};
}

}  // namespace

CLI::Option_group* AddBoxFilterOptions(CLI::App* command, BoxFilterOptions& options) {
  CLI::Option_group* which = command->add_option_group("which boxes: those that match all of");
  which->add_option("--reviewer", options.reviewer, "Labelled by this person: the token's name")
      ->check(RefuseEmpty);
  which->add_option("--origin", options.origins, "Made like this; several: any of them")
      ->check(CLI::IsMember(NamesOf(kOrigins, OriginName)));
  which
      ->add_option("--outcome", options.outcomes,
                   "Made from a predicted box of which this became; several: any of them")
      ->check(CLI::IsMember(NamesOf(kOutcomes, OutcomeName)));
  which->add_option("--slice", options.slice, "Labelled in a task of this slice of the ranking")
      ->check(CLI::IsMember(NamesOf(kSlices, SliceName)));
  which->add_option("--class", options.class_name, "Of this class")->check(RefuseEmpty);
  which->add_option("--model", options.model, "Made from a box that this model predicted: its name or number")
      ->check(RefuseEmpty);
  which->add_option("--min-score", options.min_score, "Predicted with this score or a higher one, 0 to 1");
  which->add_option("--max-score", options.max_score, "Predicted with this score or a lower one, 0 to 1");
  which
      ->add_option("--from", options.from,
                   "Labelled since then: 2026-11-29, from whose beginning on (UTC), or "
                   "2026-11-29T08:30:00Z")
      ->check(RefuseEmpty);
  which
      ->add_option("--to", options.to,
                   "Labelled before then: 2026-11-29, until whose end (UTC), or 2026-11-29T08:30:00Z")
      ->check(RefuseEmpty);
  AddSideOption(which, options.side);
  return which;
}

absl::StatusOr<v1::BoxFilter> BoxFilterOf(const BoxFilterOptions& options) {
  v1::BoxFilter filter;
  filter.set_reviewer(options.reviewer);
  for (const std::string& name : options.origins) {
    filter.add_origins(ValueNamed(name, kOrigins, OriginName));
  }
  for (const std::string& name : options.outcomes) {
    filter.add_outcomes(ValueNamed(name, kOutcomes, OutcomeName));
  }
  filter.set_slice(ValueNamed(options.slice, kSlices, SliceName));
  filter.set_class_name(options.class_name);
  filter.set_model(options.model);
  if (options.min_score) filter.set_min_score(*options.min_score);
  if (options.max_score) filter.set_max_score(*options.max_score);
  if (!options.from.empty()) {
    const absl::Status read = ReadTime("--from", options.from, 0, *filter.mutable_from());
    if (!read.ok()) return read;
  }
  if (!options.to.empty()) {
    const absl::Status read = ReadTime("--to", options.to, 1, *filter.mutable_to());
    if (!read.ok()) return read;
  }
  filter.set_side(SideOf(options.side));
  return filter;
}

}  // namespace loupe
