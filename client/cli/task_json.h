// Tasks as JSON: what `loupe next` prints, and what `loupe submit` and `loupe skip` read back.
//
//   {
//     "task_id": 17, "lease": 42, "lease_expires_at": "2025-03-01T12:10:00Z",
//     "image": {"id": 5, "file_name": "part_0005.jpg", "width": 640, "height": 480, …},
//     "blind": false,
//     "predictions": [{"index": 0, "box": [x1, y1, x2, y2], "label": 1, "class": "scratch", "score": 0.93,
//                      "side_certainty": [0.9, 1.0, 0.8, 1.0]}],
//     "reason": {"generation": 1, "position": 4, …},
//     "classes": {"dent": 2, "scratch": 1}
//   }
//
// "classes" has the label of each name when the task was served; a "class" is looked up there first, then
// among the project's of now. "new_classes" names classes that were added since the image was labelled: it is
// to be looked at for them. "label_errors" tells what seems wrong with the boxes. "request_reason" is what
// the engineer said who asked for the look.
//
// To submit a correction, leave the image's "id" as it is, lest the boxes come to another image's task, and
// add "boxes", the whole truth of the image ([] says that it is clean), and, if known or wanted, "spent_ms",
// "rejected" (indexes of predictions that are wrong), "note" and "flags" (short words for what the image is
// an example of):
//
//   "boxes": [{"box": [x1, y1, x2, y2], "class": "scratch", "predicted_index": 0, "ignore": false}]
//
// Corners in pixels; "label": 1 may stand for "class"; "predicted_index" names the prediction a box was made
// from. A prediction becomes truth only when a person puts it there: "boxes" of a task from `next` or
// `reopen` are those of the image's truth, with their "box_id", where it was labelled before. "note" and
// "flags" are then those of that answer: what is left there is submitted with the new one.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "client/cli/message_json.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

Json TaskJson(const v1::Task& task, const ClassNames& classes);

// The task's id and lease from its JSON; everything else is ignored. Errors: INVALID_ARGUMENT.
absl::StatusOr<v1::TaskLease> ParseTaskLease(std::string_view text);

// The request for Submit, without its request_id. Errors: INVALID_ARGUMENT (broken JSON; a wrong box: the
// message names it and what is wrong).
absl::StatusOr<v1::SubmitRequest> ParseCorrection(std::string_view text, const ClassNames& classes);

}  // namespace loupe
