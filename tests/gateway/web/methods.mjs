// A row for each method that the gateway takes: a call that succeeds, and one that is refused with a reason.
//
// A request is a message in JSON; an array of them for a method that takes a stream; or a function of the
// world (see connect_test.mjs) and of the way's number, where the request depends on what came before or
// differs by way. A request gets the field `requestId` by itself: the three ways send the same one, and then
// get the same answer. `token`: whose, the admin's if it isn't said. `differs`: fields of the answer that
// differ by nature; `once`: one that only the first answer has. `messages`: how many come at least. `before`
// and `after` run once; `meanwhile` when each stream has sent its first message. Rows run in order.

import { createHash } from "node:crypto";
import { png } from "./deployment.mjs";

const parts = { project: "parts" };
const spare = { project: "renamed" };
const models = { project: "models" };
const nowhere = { project: "nowhere" };
const noProject = { request: nowhere, reason: "NO_SUCH_PROJECT" };
const wrongRole = { request: {}, token: "viewer", reason: "WRONG_ROLE" };
const invalid = (request) => ({ request, reason: "INVALID_ARGUMENT" });
const noImage = { ...parts, fileName: "no.png", reason: "of no matter" };

const recipe = 'detector { preset: "small" } training { iterations: 10 }';
const picture = png(16, 16, 77);
const uploaded = png(16, 16, 78);
const hashOf = (bytes) => createHash("sha256").update(bytes).digest("base64");
const weights = () => {
  const header = '{"bn1.weight":{"dtype":"F32","shape":[64],"data_offsets":[0,256]}}';
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, Buffer.from(header), Buffer.alloc(256, 1)]);
};

const box = { box: { x1: 1, y1: 1, x2: 9, y2: 9 }, label: 1 };
const leaseOf = (task) => ({ taskId: task.taskId, lease: task.lease });
const noTask = { taskId: "999999", lease: "1" };

export const rows = {
  "ProjectService.CreateProject": {
    request: { name: "spare", classes: ["a"] },
    refused: { request: { name: "parts", classes: ["a"] }, reason: "PROJECT_EXISTS" },
  },
  "ProjectService.RenameProject": {
    request: { project: "spare", name: "renamed" },
    refused: { request: { ...nowhere, name: "x" }, reason: "NO_SUCH_PROJECT" },
  },
  "ProjectService.SetIntensityRange": {
    request: { ...spare, intensityRange: { high: 4095 } },
    refused: invalid({ ...spare, intensityRange: { low: 2, high: 1 } }),
  },
  "ProjectService.SetQualityControl": {
    request: { ...spare, overlapShare: 0.05, plantedShare: 0.05 },
    refused: invalid({ ...spare, overlapShare: 0.6 }),
  },
  "ProjectService.RenameClass": {
    request: { ...spare, label: 1, name: "überzogen" },
    refused: { request: { ...spare, label: 9, name: "x" }, reason: "NO_SUCH_CLASS" },
  },
  "ProjectService.SetClassDisplay": {
    request: { ...spare, label: 1, display: { color: "#1f77b4", key: "Q" } },
    refused: invalid({ ...spare, label: 1, display: { key: "A" } }),
  },
  "ProjectService.AddClass": {
    request: { ...spare, name: "b" },
    refused: { request: { ...spare, name: "überzogen" }, reason: "CLASS_EXISTS" },
  },
  "ProjectService.RetireClass": {
    request: { ...spare, label: 2 },
    refused: { request: { ...spare, label: 1 }, reason: "LAST_CLASS" },
  },
  "ProjectService.DeleteProject": {
    request: (world, way) => ({ project: `gone-${way}`, confirm: `gone-${way}` }),
    refused: { request: { ...parts, confirm: "part" }, reason: "NOT_CONFIRMED" },
  },
  "ProjectService.SetGuidelines": {
    request: { ...parts, content: "# Scratches\n\nAlso *faint* ones: \"<1 µm\" 🔍." },
    refused: invalid(parts),
  },
  "ProjectService.GetGuidelines": {
    request: parts,
    refused: { request: { ...parts, version: 9 }, reason: "NO_SUCH_GUIDELINES" },
  },
  "ProjectService.GetProject": { request: parts, refused: noProject },
  "ProjectService.ListProjects": { request: {}, refused: invalid({ pageToken: "x" }) },
  "ProjectService.GetStatus": { request: parts, differs: ["computedAt"], refused: noProject },

  "ImageService.Import": {
    request: [
      { start: { requestId: "import", ...parts } },
      { picture: { fileName: "streamed.png", sizeBytes: String(picture.length) } },
      { chunk: picture.toString("base64") },
      { end: { pictures: "1" } },
    ],
    refused: { request: [{ start: { requestId: "none", ...nowhere } }], reason: "NO_SUCH_PROJECT" },
  },
  "ImageService.ListImages": {
    request: { project: "large", pageSize: 10000 },
    refused: { request: parts, token: "annotator", reason: "WRONG_ROLE" },
  },
  "ImageService.SearchImages": {
    request: { project: "large", filter: { labelled: false }, order: "BY_FILE_NAME", pageSize: 500 },
    refused: { request: { ...parts, filter: { className: "hole" } }, reason: "NO_SUCH_CLASS" },
  },
  "ImageService.ExcludeImage": {
    request: { ...parts, fileName: "part-0020.png", reason: "blurred" },
    refused: { request: noImage, reason: "NO_SUCH_IMAGE" },
  },
  "ImageService.RestoreImage": {
    request: { ...parts, fileName: "part-0020.png" },
    refused: { request: { ...parts, fileName: "no.png" }, reason: "NO_SUCH_IMAGE" },
  },
  "ImageService.RemoveImage": {
    request: { ...parts, fileName: "part-0021.png", reason: "shows a person" },
    refused: { request: noImage, token: "viewer", reason: "WRONG_ROLE" },
  },
  "ImageService.ExcludeImages": {
    request: (world) => ({ ...parts, imageIds: [world.imageId("part-0022.png"), "999999"], reason: "blurred" }),
    refused: invalid({ ...parts, imageIds: [], reason: "blurred" }),
  },
  "ImageService.RestoreImages": {
    request: (world) => ({ ...parts, imageIds: [world.imageId("part-0022.png")] }),
    refused: { request: { ...nowhere, imageIds: ["1"] }, reason: "NO_SUCH_PROJECT" },
  },
  "ImageService.ReadImage": {
    request: (world) => ({ ...parts, imageId: world.imageId("big-0000.png") }),
    refused: { request: { ...parts, imageId: "999999" }, reason: "NO_SUCH_IMAGE" },
  },

  "UploadService.UploadPart": {
    request: { sha256: hashOf(uploaded), sizeBytes: String(uploaded.length), data: uploaded.toString("base64") },
    refused: { request: { sha256: hashOf(picture), sizeBytes: "1", data: "AA==" }, reason: "WRONG_HASH" },
  },
  "UploadService.FindUploads": {
    request: { ...parts, sha256: [hashOf(uploaded), hashOf(picture)] },
    refused: invalid({ ...parts, sha256: ["AA=="] }),
  },
  "UploadService.ImportUploads": {
    request: { ...parts, pictures: [{ path: "up/loaded.png", sha256: hashOf(uploaded) }] },
    refused: {
      request: { ...parts, pictures: [{ path: "no.png", sha256: hashOf(Buffer.from("no")) }] },
      reason: "NOT_UPLOADED",
    },
  },
  "UploadService.DropUploads": { request: {}, refused: wrongRole },

  "LabelingService.NextTasks": {
    request: { ...parts, count: 4 },
    after: (world, [answer]) => (world.tasks = answer.tasks),
    refused: invalid({ ...parts, count: 101 }),
  },
  "LabelingService.ListOpenTasks": { request: parts, refused: { ...wrongRole, request: parts } },
  "LabelingService.Renew": {
    request: (world) => ({ tasks: [leaseOf(world.tasks[0]), noTask] }),
    differs: ["leaseExpiresAt"],
    refused: { ...wrongRole, request: { tasks: [noTask] } },
  },
  "LabelingService.Submit": {
    request: (world) => ({ ...leaseOf(world.tasks[0]), boxes: [box], spentMs: 1200, flags: ["clear"] }),
    refused: {
      request: (world) => ({ ...leaseOf(world.tasks[1]), boxes: [{ ...box, label: 9 }] }),
      reason: "BAD_BOX",
    },
  },
  "LabelingService.Skip": {
    request: (world) => ({ ...leaseOf(world.tasks[1]), reason: "too dark" }),
    refused: { request: noTask, reason: "UNKNOWN_TASK" },
  },
  "LabelingService.Release": {
    request: (world) => ({ tasks: [leaseOf(world.tasks[2])] }),
    refused: { request: { tasks: [noTask] }, reason: "UNKNOWN_TASK" },
  },
  "LabelingService.OpenTask": {
    request: (world) => ({ ...parts, imageId: world.tasks[0].image.id }),
    refused: {
      request: (world) => ({ ...parts, imageId: world.tasks[3].image.id }),
      reason: "NOT_LABELLED",
    },
  },
  "LabelingService.ListAnswers": { request: { ...parts, pageSize: 1 }, refused: noProject },
  "LabelingService.GetOwnWork": {
    request: { ...parts, since: "2020-01-01T00:00:00Z" },
    refused: invalid({ ...parts, since: "1969-12-31T23:59:59Z" }),
  },
  "LabelingService.Withdraw": {
    request: { ...parts, reviewer: "admin" },
    refused: { request: { ...parts, reviewer: "nobody" }, reason: "NO_SUCH_REVIEWER" },
    after: (world, [answer]) => (world.withdrawal = answer.withdrawal),
  },
  "LabelingService.ListWithdrawals": { request: parts, refused: invalid({ ...parts, pageToken: "x" }) },
  "LabelingService.UndoWithdrawal": {
    request: (world) => ({ ...parts, withdrawal: world.withdrawal }),
    refused: { request: { ...parts, withdrawal: "999999" }, reason: "NO_SUCH_WITHDRAWAL" },
  },
  "LabelingService.ListQueue": {
    request: { ...parts, slice: "RANDOM", className: "scratch", unanswered: true },
    refused: { request: { ...parts, className: "hole" }, reason: "NO_SUCH_CLASS" },
  },
  "LabelingService.GetQueueSummary": { request: parts, refused: noProject },
  "LabelingService.RequestReviews": {
    request: (world) => ({ ...parts, imageIds: [world.tasks[0].image.id, "999999"], reason: "tight?" }),
    refused: invalid({ ...parts, imageIds: [] }),
  },
  "LabelingService.AssignImages": {
    request: (world) => ({ ...parts, imageIds: [world.tasks[0].image.id], annotator: "admin" }),
    refused: { request: { ...parts, imageIds: ["1"], annotator: "nobody" }, reason: "NO_SUCH_REVIEWER" },
  },
  "LabelingService.CancelRequests": {
    request: (world) => ({ ...parts, imageIds: [world.tasks[0].image.id] }),
    refused: { request: { ...nowhere, imageIds: ["1"] }, reason: "NO_SUCH_PROJECT" },
  },

  "LabelingService.SetGoldImages": {
    request: (world) => ({ ...parts, imageIds: [world.tasks[0].image.id], gold: true }),
    refused: invalid(parts),
  },
  "LabelingService.PauseReviewer": {
    request: { ...spare, reviewer: "admin", reason: "of no matter" },
    refused: { request: { ...spare, reviewer: "nobody", reason: "why" }, reason: "NO_SUCH_REVIEWER" },
  },
  "LabelingService.ResumeReviewer": {
    request: { ...spare, reviewer: "admin" },
    refused: { request: { ...spare, reviewer: "nobody" }, reason: "NO_SUCH_REVIEWER" },
  },

  "ImageService.ExportLabels": { request: parts, refused: noProject },
  "ProvenanceService.GetImageProvenance": {
    request: (world) => ({ ...parts, imageId: world.tasks[0].image.id }),
    refused: { request: { ...parts, fileName: "no.png" }, reason: "NO_SUCH_IMAGE" },
    after: (world, [answer]) => (world.boxId = answer.revisions[0].boxes[0].boxId),
  },
  "ProvenanceService.GetBoxProvenance": {
    request: (world) => ({ ...parts, boxId: world.boxId }),
    refused: { request: { ...parts, boxId: "999999" }, reason: "NO_SUCH_BOX" },
  },
  "ProvenanceService.GetModelProvenance": {
    request: { ...models, model: "first" },
    refused: { request: { ...models, model: "no-such" }, reason: "NO_SUCH_MODEL" },
  },
  "ProvenanceService.VerifyHistory": {
    request: parts,
    refused: { request: parts, token: "annotator", reason: "WRONG_ROLE" },
  },
  "ProvenanceService.CreateCheckpoint": {
    request: parts,
    messages: 2,
    differs: ["text"],
    after: (world, answers) => {
      world.checkpoint = answers.map(({ text }) => text);
    },
    refused: { request: nowhere, reason: "NO_SUCH_PROJECT" },
  },
  "ProvenanceService.VerifyCheckpoint": {
    request: (world) => [
      { ...parts, statement: world.checkpoint.at(-1) },
      ...world.checkpoint.slice(0, -1).map((lines) => ({ lines })),
    ],
    refused: { request: [{ ...parts, statement: "" }], reason: "NO_CHECKPOINT" },
  },
  "ProvenanceService.WatchEvents": {
    request: { ...parts, fromStart: true, untilNow: true },
    messages: 3,
    differs: ["cursor"],
    refused: { request: { ...parts, cursor: "no" }, reason: "BAD_CURSOR" },
  },
  "ProvenanceService.QueryBoxes": {
    request: { ...parts, filter: { origins: ["ACCEPTED"] }, pageSize: 1 },
    refused: { request: { ...parts, filter: { className: "hole" } }, reason: "NO_SUCH_CLASS" },
  },
  "ProvenanceService.ExportBoxes": {
    request: parts,
    refused: { request: { ...parts, filter: { reviewer: "nobody" } }, reason: "NO_SUCH_REVIEWER" },
  },
  "ProvenanceService.GetLabelStats": {
    request: { ...parts, period: "WEEK" },
    differs: ["computedAt"],
    refused: invalid({ ...parts, from: "2026-11-29T08:30:00Z" }),
  },
  "InsightService.GetCurve": {
    request: parts,
    differs: ["computedAt"],
    refused: invalid({ ...parts, worthwhileGain: 2 }),
  },
  "InsightService.CheckLabels": { request: parts, differs: ["computedAt"], refused: noProject },
  "InsightService.EstimatePool": {
    request: parts,
    differs: ["computedAt"],
    refused: { request: { ...parts, model: "no" }, reason: "NO_SUCH_MODEL" },
  },
  "InsightService.GetPrediction": {
    request: { ...models, model: "first", fileName: "model-0000.png" },
    refused: { request: { ...parts, fileName: "no.png" }, reason: "NO_SUCH_IMAGE" },
  },
  "InsightService.CompareModels": {
    request: { ...models, first: "first", second: "second" },
    refused: { request: { ...models, first: "first", second: "1" }, reason: "SAME_MODEL" },
  },
  "InsightService.ListModelDifferences": {
    request: { ...models, first: "first", second: "second" },
    refused: invalid({ ...models, first: "first", second: "second", scoreThreshold: -1 }),
  },
  "InsightService.GetModelQuality": {
    request: { ...models, model: "first" },
    refused: { request: { ...models, model: "no" }, reason: "NO_SUCH_MODEL" },
  },
  "InsightService.ListDisagreements": { request: parts, refused: noProject },
  "InsightService.ListLabelErrors": { request: parts, refused: noProject },
  "InsightService.GetLabelQuality": { request: parts, differs: ["computedAt"], refused: noProject },
  "InsightService.ListBoxMatches": {
    request: { ...models, model: "first", kind: "MISSED" },
    refused: invalid({ ...models, model: "first" }),
  },

  "RoundService.PlanRound": {
    request: { ...parts, recipe },
    refused: { request: { ...parts, recipe: "training { iterations: 1\n}\nwrong: 1" }, reason: "BAD_RECIPE" },
  },
  "RoundService.DescribeRecipe": {
    request: {},
    refused: { request: {}, token: "unknown", reason: "UNKNOWN_TOKEN" },
  },
  "RoundService.SubmitRound": {
    request: { ...parts, recipe },
    after: (world) => world.roundTrains("parts", 1),
    refused: { request: spare, reason: "NO_LABELS" },
  },
  "RoundService.GetRound": {
    request: parts,
    differs: ["seconds"],
    refused: { request: { ...parts, number: 99 }, reason: "NO_SUCH_ROUND" },
  },
  "RoundService.ListRounds": {
    request: parts,
    differs: ["seconds"],
    refused: invalid({ ...parts, pageToken: "-1" }),
  },
  "RoundService.GetRoundLog": {
    request: { ...parts, number: 1 },
    refused: { request: { ...parts, number: 99 }, reason: "NO_SUCH_ROUND" },
  },
  "RoundService.WatchRound": {
    request: { ...parts, number: 1 },
    meanwhile: (world) => world.cancelRound("parts", 1),
    messages: 2,
    differs: ["seconds"],
    refused: { request: { ...parts, number: 99 }, reason: "NO_SUCH_ROUND" },
  },
  "RoundService.CancelRound": {
    before: (world) => world.submitRound("parts"),
    request: { ...parts, number: 2 },
    refused: { request: { ...parts, number: 1 }, reason: "ROUND_ENDED" },
  },

  "ModelService.ImportModel": {
    request: [
      { start: { requestId: "weights", ...models, name: "third", preset: "small", sizeBytes: "330" } },
      { chunk: weights().toString("base64") },
    ],
    refused: {
      request: [
        { start: { requestId: "bad", ...models, name: "fourth", preset: "small", sizeBytes: "3" } },
        { chunk: "AAAA" },
      ],
      reason: "BAD_WEIGHTS",
    },
  },
  "ModelService.ListModels": { request: models, refused: noProject },
  "ModelService.GetModel": {
    request: { ...models, model: "first" },
    refused: { request: models, reason: "NO_SUCH_MODEL" },
  },
  "ModelService.ExportModel": {
    request: { ...models, model: "first" },
    refused: { request: { ...models, model: "first" }, token: "annotator", reason: "WRONG_ROLE" },
  },
  "ModelService.PromoteModel": {
    before: (world) => world.promoteModel("first"),
    request: { ...models, model: "second" },
    refused: { request: { ...models, model: "third" }, reason: "NO_PREDICTIONS" },
  },
  "ImageService.FindSimilarImages": {
    before: (world) => world.embedImages("large"),
    request: (world) => ({ project: "large", imageId: world.embedded, count: 2 }),
    refused: { request: { ...parts, imageId: "999999" }, reason: "NO_SUCH_IMAGE" },
  },
  "ModelService.RollbackModel": {
    request: models,
    refused: { request: parts, reason: "NOTHING_BEFORE" },
  },

  "TokenService.CreateToken": {
    request: { role: "VIEWER", name: "zoë" },
    once: "secret",
    refused: invalid({ role: "VIEWER", name: "late", expiresAt: "2020-01-01T00:00:00Z" }),
  },
  "TokenService.ListTokens": { request: {}, refused: wrongRole },
  "TokenService.RevokeToken": {
    request: (world) => ({ id: world.tokenId("zoë") }),
    refused: { request: { id: "1" }, reason: "LAST_ADMIN" },
  },

  "SessionService.CreateLoginLink": {
    request: {},
    differs: ["url", "expiresAt"],
    refused: { request: { tokenId: "1" }, token: "viewer", reason: "WRONG_ROLE" },
  },
  "SessionService.ListSessions": {
    request: {},
    token: "session",
    refused: { request: {}, token: "unknown", reason: "UNKNOWN_TOKEN" },
  },
  "SessionService.EndSession": {
    request: (world, way) => ({ id: world.sessions[way] }),
    refused: { request: { id: "999999" }, reason: "NO_SUCH_SESSION" },
  },

  "StorageService.GetStorage": {
    request: {},
    differs: ["freeBytes", "databaseBytes"],
    refused: wrongRole,
  },
  "StorageService.CollectStorage": { request: { dryRun: true }, refused: wrongRole },
  "StorageService.VerifyStorage": {
    request: {},
    refused: { request: {}, token: "unknown", reason: "UNKNOWN_TOKEN" },
  },
};
