import type { AnswerJson } from "../../gen/loupe/v1/labeling_pb";

// What became of an answer; empty: it is the image's truth, or the person may correct that.
export function standingOf({ standing, canBeOpened, image, caught }: AnswerJson): string {
  if (caught === true) return "a planted error, which you caught: not a label";
  if (caught === false) return "a planted error, which you left in: not a label";
  if (standing === "STANDING_LATE") return "kept beside the truth: somebody else had answered meanwhile";
  if (standing === "STANDING_OPINION") return "a second opinion: kept beside the truth";
  if (canBeOpened) return "";
  if (image?.state === "EXCLUDED") return because("the image was left out", image.stateReason);
  if (image?.state === "SET_ASIDE") return because("the picture can't be used", image.stateReason);
  return "no longer the truth: it was corrected or withdrawn since";
}

function because(what: string, reason: string | undefined): string {
  return reason ? `${what}: ${reason}` : what;
}
