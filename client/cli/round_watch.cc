#include "client/cli/round_watch.h"

#include <cmath>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cli/print.h"
#include "loupe/v1/round.grpc.pb.h"

namespace loupe {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(2);
// A stream that is silent for this long is opened again: its connection may be dead unnoticed.
constexpr absl::Duration kStreamDeadline = absl::Minutes(10);

// Loss, AP50, speed and the time that is left, as far as they are known.
std::string ProgressNote(const v1::Round& round) {
  const v1::JobProgress& now = round.progress();
  std::vector<std::string> parts;
  if (now.loss() > 0) parts.push_back(absl::StrFormat("loss %.3f", now.loss()));
  if (now.has_ap50()) parts.push_back(absl::StrFormat("AP50 %.3f", now.ap50()));
  if (now.images_per_second() > 0) parts.push_back(absl::StrFormat("%.1f images/s", now.images_per_second()));
  if (round.has_seconds_left()) {
    parts.push_back(absl::StrCat("about ", AboutTime(round.seconds_left()), " left"));
  }
  return absl::StrJoin(parts, "  ");
}

std::string WaitingText(const v1::Round& round) {
  return round.workers() == 0
             ? "for a worker: none was heard of in the last minute, loupe-worker run starts one"
             : absl::StrCat("for a worker: ", Counted(round.workers(), "worker"),
                            round.workers() == 1 ? " is there" : " are there");
}

class Printer {
 public:
  void Show(const v1::Round& round) {
    if (round.state() != state_) {
      state_ = round.state();
      // Also ends the progress line of the step before.
      progress_.Begin("", 0);
      kind_.clear();
      std::fprintf(stderr, "round %u: %s\n", round.number(), state_.c_str());
    }
    const bool lacks_worker = round.waits_for_worker() && round.workers() == 0;
    if (lacks_worker && !lacked_worker_) std::fprintf(stderr, "  waits %s\n", WaitingText(round).c_str());
    lacked_worker_ = lacks_worker;
    const v1::JobProgress& now = round.progress();
    if (!round.has_progress() || now.total() == 0 || HasEnded(round)) return;
    if (now.kind() != kind_ || now.resumed_from() != resumed_from_) {
      kind_ = now.kind();
      resumed_from_ = now.resumed_from();
      progress_.Begin(absl::StrCat("  ", kind_), now.total());
      if (resumed_from_ > 0) std::fprintf(stderr, "  goes on from iteration %lu\n", resumed_from_);
    }
    progress_.Update(now.done(), ProgressNote(round));
  }

 private:
  std::string state_;
  bool lacked_worker_ = false;
  std::string kind_;
  uint64_t resumed_from_ = 0;
  Progress progress_{"", 0};
};

}  // namespace

bool HasEnded(const v1::Round& round) {
  return round.state() == "done" || round.state() == "failed" || round.state() == "cancelled";
}

absl::StatusOr<v1::Round> WatchRound(const Connection& connection, const std::string& project,
                                     uint32_t number) {
  v1::RoundService::Stub stub(connection.channel());
  v1::WatchRoundRequest request;
  request.set_project(project);
  request.set_number(number);
  Printer printer;
  v1::Round round;
  while (true) {
    absl::Status status = RetryUnavailable(kPatience, [&] {
      const auto context = connection.NewContext(kStreamDeadline);
      const auto reader = stub.WatchRound(context.get(), request);
      bool heard = false;
      while (reader->Read(&round)) {
        heard = true;
        printer.Show(round);
      }
      absl::Status end = FromGrpc(reader->Finish());
      // A stream that sent something before it broke is no failed attempt: the two minutes begin again.
      return heard && IsForLater(end) ? absl::OkStatus() : end;
    });
    if (!status.ok() && !absl::IsDeadlineExceeded(status)) return status;
    if (HasEnded(round)) return round;
    absl::SleepFor(absl::Milliseconds(200));
  }
}

std::string GateText(const v1::Gate& gate) {
  if (gate.outcome() == v1::GATE_NOT_JUDGED) {
    return absl::StrCat("not judged: too few images of the holdout are labelled, or none has a box (",
                        gate.images(), " images)");
  }
  if (gate.against_model() == 0) {
    return gate.outcome() == v1::GATE_FIRST ? "first: no model served before it" : GateName(gate.outcome());
  }
  return absl::StrFormat(
      "%s: AP50 differs by %+.4f (90 %% interval %+.4f to %+.4f) from model %u's %s, on %u images%s",
      GateName(gate.outcome()), gate.difference(), gate.difference_low(), gate.difference_high(),
      gate.against_model(), Fixed(gate.against_ap50(), 4), gate.images(),
      gate.outcome() == v1::GATE_HELD ? ": it doesn't serve, unless you promote it (loupe model promote)"
                                      : "");
}

std::string EvaluationText(const v1::Evaluation& evaluation) {
  if (evaluation.images() == 0) return "not judged: no image of the holdout was labelled blind";
  return absl::StrFormat("AP50 %s, AP %s, AP75 %s on %u images%s", Fixed(evaluation.ap50(), 4),
                         Fixed(evaluation.ap(), 4), Fixed(evaluation.ap75(), 4), evaluation.images(),
                         evaluation.random_sample() ? "" : " (imported, not a random sample)");
}

std::string CalibrationText(const v1::Calibration& calibration) {
  if (calibration.classes().empty() || calibration.classes(0).kind() == "identity") {
    return absl::StrFormat("not calibrated: %u detections on half of the holdout are too few",
                           calibration.detections());
  }
  std::string text = absl::StrFormat("calibrated on %u detections", calibration.detections());
  if (calibration.has_error_before() && calibration.has_error_after()) {
    absl::StrAppendFormat(&text, ", error (D-ECE) %.4f before, %.4f after on the other half",
                          calibration.error_before(), calibration.error_after());
  }
  return text;
}

namespace {

std::string PseudoLabelsText(const v1::PseudoLabels& pseudo_labels) {
  if (pseudo_labels.model() == 0) return "none: no model served when it started";
  bool sure = false;
  for (const v1::ClassPseudoLabels& one : pseudo_labels.classes()) sure = sure || one.has_min_score();
  if (!sure) return "none: the labelled holdout shows no score that is sure enough";
  return absl::StrFormat("%u images, %u boxes of model %u", pseudo_labels.images(), pseudo_labels.boxes(),
                         pseudo_labels.model());
}

}  // namespace

std::string PlanText(const v1::RoundPlan& plan) {
  const v1::TrainingRecipe& training = plan.recipe().training();
  const double images =
      static_cast<double>(training.iterations()) * training.batch_size() * training.accumulation_steps();
  const auto time = [](bool known, double seconds, const std::string& rate) {
    return known ? absl::StrCat(": about ", AboutTime(seconds), rate) : ": time not known";
  };
  const auto at = [](double rate) { return absl::StrFormat(", at %.1f images/s", rate); };
  Table table(
      {"would train on", absl::StrCat(plan.snapshot_images(), " images, ", plan.snapshot_boxes(), " boxes",
                                      plan.recipe().pseudo_labels().enabled() ? ", and pseudo-labels" : "")});
  if (training.skip()) {
    table.Add({"training", absl::StrCat("none: ", plan.recipe().detector().init_model(), " predicts")});
  } else {
    table.Add({"training", absl::StrCat(plan.recipe().detector().preset(), ", ", training.iterations(),
                                        absl::StrFormat(" iterations, %.1f epochs",
                                                        images / static_cast<double>(plan.snapshot_images())),
                                        time(plan.has_training_seconds(), plan.training_seconds(),
                                             at(plan.training_rate())))});
  }
  table.Add({"evaluating", absl::StrCat(Counted(plan.evaluated_images(), "image"), " of the holdout",
                                        time(plan.has_evaluating_seconds(), plan.evaluating_seconds(), ""))});
  table.Add({"predicting", absl::StrCat(Counted(plan.predicted_images(), "image"), " of the pool",
                                        time(plan.has_predicting_seconds(), plan.predicting_seconds(),
                                             at(plan.prediction_rate())))});
  if (const uint32_t folds = plan.recipe().label_errors().folds(); folds > 0) {
    table.Add({"checking", absl::StrCat(Counted(folds, "further training"), " to search the labels",
                                        time(plan.has_checking_seconds(), plan.checking_seconds(), ""))});
  }
  table.Add({"workers", plan.workers() == 0
                            ? "none was heard of in the last minute: loupe-worker run starts one"
                            : absl::StrCat(plan.workers())});
  if (plan.rounds_before() > 0) table.Add({"comes after", Counted(plan.rounds_before(), "open round")});
  if (!plan.has_training_seconds() && !training.skip()) {
    table.Add({"times",
               "known once such a detector was trained: a round with `training { iterations: 20 }` tells"});
  }
  return table.Text();
}

std::string RoundText(const v1::Round& round, const ClassNames& classes) {
  Table table({"round", absl::StrCat(round.number(), ", ", round.state())});
  if (!round.error().empty()) table.Add({"error", round.error()});
  table.Add(
      {"trained on", absl::StrCat(round.snapshot_images(), " images, ", round.snapshot_boxes(), " boxes")});
  if (round.has_pseudo_labels()) {
    table.Add({"pseudo-labels", PseudoLabelsText(round.pseudo_labels())});
  }
  for (const v1::ClassPseudoLabels& one : round.pseudo_labels().classes()) {
    if (!one.has_min_score()) continue;
    table.Add({absl::StrCat("  ", classes.Name(one.label())),
               absl::StrFormat("%u boxes of score %.2f up (%u of %u right on the holdout)", one.boxes(),
                               one.min_score(), one.correct(), one.judged())});
  }
  if (round.model() != 0) table.Add({"model", absl::StrCat(round.model())});
  if (round.waits_for_worker()) table.Add({"waits", WaitingText(round)});
  if (round.progress().total() > 0 && !HasEnded(round)) {
    const v1::JobProgress& now = round.progress();
    const std::string note = ProgressNote(round);
    table.Add(
        {"now", absl::StrCat(now.kind(), " ", now.done(), "/", now.total(), note.empty() ? "" : "  ", note)});
  }
  for (const v1::StepTime& step : round.steps()) {
    table.Add({absl::StrCat("  ", step.step()), absl::StrFormat("%.1f s", step.seconds())});
  }
  if (round.has_evaluation()) table.Add({"holdout", EvaluationText(round.evaluation())});
  for (const v1::ClassAp& one : round.evaluation().per_class()) {
    table.Add({absl::StrCat("  ", classes.Name(one.label())),
               absl::StrCat("AP50 ", Fixed(one.ap50(), 4), ", AP ", Fixed(one.ap(), 4))});
  }
  if (round.evaluation().has_calibration()) {
    table.Add({"scores", CalibrationText(round.evaluation().calibration())});
  }
  if (round.has_gate()) table.Add({"gate", GateText(round.gate())});
  if (round.set_aside_total() > 0) {
    table.Add({"set aside", absl::StrCat(round.set_aside_total(), " images whose pictures can't be used")});
  }
  for (const v1::Image& image : round.set_aside()) {
    table.Add({absl::StrCat("  ", image.file_name()), image.state_reason()});
  }
  return table.Text();
}

}  // namespace loupe
