// How far two people who labelled the same images agree.
//
// Legend: I: images that both labelled; C: classes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/quality/answer_matching.h"
#include "server/quality/interval.h"

namespace loupe::quality {

// Two answers to one image.
struct AnswerPair {
  Answer first;
  Answer second;
};

struct ClassAgreement {
  uint64_t both = 0;         // things that both have a box of this class for
  uint64_t first_only = 0;   // of this class by the first, without a box by the second
  uint64_t second_only = 0;  // the other way round
  uint64_t other_class = 0;  // of this class by one of them, of another by the other
};

struct Agreement {
  uint64_t images = 0;
  uint64_t things = 0;
  std::vector<ClassAgreement> classes;  // [C], by label from 1
  // The mean IoU of the boxes of things that both have; none: there is none.
  std::optional<double> mean_iou;
  // Krippendorff's alpha of what each thing is: a class, or nothing. An image without a box counts as a thing
  // that both call nothing. 1: they always agree; 0: as often as by chance. None: nothing could differ, since
  // all is called the same.
  std::optional<Interval> alpha;
};

struct AgreementOptions {
  int resamples = 1000;  // of the images, with replacement
  double level = 0.95;   // of the interval, in (0, 1)
  uint64_t seed = 1;     // the same seed gives the same interval
};

// pairs: [I], labels up to num_classes.
// Sources: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011 (nominal data); Tschirschwitz et
// al. 2022 for boxes: matched first, and "nothing" is a value.
Agreement MeasureAgreement(std::span<const AnswerPair> pairs, int num_classes,
                           const AgreementOptions& options = {});

}  // namespace loupe::quality
