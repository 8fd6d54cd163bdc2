// The gateway speaks the Connect protocol: connect-node, a client that others made, gets by it what it gets
// by gRPC.

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import test, { after, before } from "node:test";
import zlib from "node:zlib";
import { createRegistry, toJson } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { call, describeError, messagesOf, Ways } from "./calls.mjs";
import { Deployment, eventually, SOURCE, writePictures } from "./deployment.mjs";
import { rows } from "./methods.mjs";

const LARGE = 3000; // images
const ABORTED = 300; // streams

const registry = createRegistry(...(await generatedServices()));

async function generatedServices() {
  const folder = new URL("gen/loupe/v1/", import.meta.url);
  const files = await Promise.all(fs.readdirSync(folder).map((name) => import(new URL(name, folder).href)));
  return files.flatMap((file) => Object.values(file)).filter((each) => each.kind === "service");
}

// `ProjectService.GetProject`
function methodNamed(name) {
  const [service, methodName] = name.split(".");
  const found = registry.getService(`loupe.v1.${service}`)?.methods.find(({ name }) => name === methodName);
  assert.ok(found, `there is no method ${name}`);
  return found;
}

const deployment = new Deployment();
const ways = new Ways(deployment);
const tokens = { admin: deployment.adminToken, none: "", unknown: "loupe_unknown" };
after(() => deployment.down());

async function byGrpc(name, inputs, of = "admin") {
  const result = await call(ways.grpc, methodNamed(name), inputs, { token: tokens[of] });
  assert.equal(result.error, undefined, `${name}: ${JSON.stringify(result.error)}`);
  return result.answers[0];
}

// What the rows of methods.mjs see.
const world = {
  requests: 0,
  imageId: (name) => world.images.find((each) => each.fileName === name).id,
  tokenId: (name) => deployment.psql(`SELECT id FROM principal WHERE name = '${name}'`),
  submitRound: (name) => byGrpc("RoundService.SubmitRound", { requestId: nextId(), project: name }),
  cancelRound: (name, number) =>
    byGrpc("RoundService.CancelRound", { requestId: nextId(), project: name, number }),
  promoteModel: (name) =>
    byGrpc("ModelService.PromoteModel", { requestId: nextId(), project: "models", model: name }),
  // A made-up model has seen three images of the pool.
  embedImages: (name) => {
    const [first] = deployment.psql(`
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
      SELECT id, 1, 'made-up', 'small', 'serving', sha256('made-up'), 1 FROM project WHERE name = '${name}';
      INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                              background_scores, agreements, embedding, max_foreground_score)
      SELECT model.id, image.id, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '\\x003c0000', 0
      FROM project JOIN model ON model.project_id = project.id
      CROSS JOIN LATERAL (SELECT id FROM image WHERE project_id = project.id AND side = 'pool' LIMIT 3) image
      WHERE project.name = '${name}' RETURNING image_id`).split("\n");
    world.embedded = first;
  },
  roundTrains: (name, number) =>
    eventually("the round trains", async () => {
      const now = await byGrpc("RoundService.GetRound", { project: name, number });
      return now.state === "training";
    }),
};

function nextId() {
  world.requests += 1;
  return `request-${world.requests}`;
}

// Each import waits for the disk: there are few.
function importPictures(projectName, ...kinds) {
  const folder = path.join(deployment.folder, projectName);
  for (const [prefix, count, side] of kinds) writePictures(folder, prefix, count, side);
  deployment.loupe("import", "--images", folder, "--project", projectName);
}

// Two models that could serve: what a worker would have trained is imported, and gets rounds by SQL. Both
// have predicted the labelled holdout.
async function makeModels() {
  const weights = rows["ModelService.ImportModel"].request;
  for (const name of ["first", "second"]) {
    const start = { ...weights[0].start, requestId: nextId(), name };
    await byGrpc("ModelService.ImportModel", [{ start }, weights[1]]);
  }
  deployment.psql(`
    WITH the_project AS (SELECT id FROM project WHERE name = 'models'),
    made AS (INSERT INTO snapshot (project_id) SELECT id FROM the_project RETURNING id),
    rounds AS (
      INSERT INTO round (project_id, number, state, recipe, snapshot_id, submitted_by, model_id, ended_at)
      SELECT model.project_id, model.number, 'done', '', made.id, 1, model.id, now()
      FROM made, model JOIN the_project ON the_project.id = model.project_id
      RETURNING id, model_id)
    INSERT INTO evaluation (model_id, round_id, result) SELECT model_id, id, '\\x0801' FROM rounds;
    UPDATE model SET round_id = round.id FROM round WHERE round.model_id = model.id;
    SELECT import_revision(image.id, 1, true, false, '{}', '{}', '{}')
    FROM image JOIN project ON project.id = project_id WHERE name = 'models' AND side = 'holdout';
    INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                            background_scores, agreements, embedding, max_foreground_score)
    SELECT model.id, image.id, '{1,1,7,7}', '{1}', ARRAY[score], '{2}', '{0}', '{0}', '{}', '', score
    FROM (VALUES ('first', 0.875), ('second', 0.125)) AS scored (name, score)
    JOIN model USING (name) JOIN image USING (project_id);
  `);
}

async function logIn() {
  const answer = await fetch(`${deployment.url}/session`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: tokens.admin }),
  });
  assert.equal(answer.status, 200);
  return /=([^;]*)/.exec(answer.headers.get("set-cookie"))[1];
}

before(async () => {
  for (const role of ["viewer", "annotator"]) tokens[role] = deployment.token(role, role);
  for (const name of ["parts", "large", "models", "gone-0", "gone-1", "gone-2"]) {
    deployment.loupe("project", "create", name, "--classes", "scratch,dent", "--seed", "7");
  }
  importPictures("parts", ["part", 24, 12], ["big", 1, 1500]);
  importPictures("large", ["large", LARGE, 6]);
  importPictures("models", ["model", 24, 8]);
  await makeModels();
  world.images = (await byGrpc("ImageService.ListImages", { project: "parts" })).images;
  const next = { requestId: nextId(), project: "parts", count: 2 };
  const { tasks } = await byGrpc("LabelingService.NextTasks", next, "annotator");
  for (const { taskId, lease } of tasks) {
    await byGrpc("LabelingService.Submit", { requestId: nextId(), taskId, lease }, "annotator");
  }
  tokens.session = await logIn();
  for (const _ of [0, 1, 2]) await logIn();
  const listed = await byGrpc("SessionService.ListSessions", {}, "session");
  world.sessions = listed.sessions.filter((each) => !each.isCurrent).map((each) => each.id);
});

test("every method that the gateway takes has a row", () => {
  const source = fs.readFileSync(path.join(SOURCE, "server/gateway/api_method.cc"), "utf8");
  const list = /kServices = \{([^}]*)\}/.exec(source)[1];
  const services = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => registry.getService(`loupe.v1.${name}`));
  const names = services.flatMap((each) => each.methods.map((method) => `${each.name}.${method.name}`));
  assert.ok(names.length > 50);
  assert.deepEqual(Object.keys(rows).sort(), names.sort());
});

function inputsOf(request, method, way, requestId) {
  const inputs = typeof request === "function" ? request(world, way) : request;
  const takesId = method.input.fields.some((field) => field.name === "request_id");
  return takesId ? { requestId, ...inputs } : inputs;
}

// Without the fields that differ by nature, wherever they stand.
function normalised(answers, differs) {
  return JSON.parse(JSON.stringify(answers, (key, value) => (differs.includes(key) ? "differs" : value)));
}

const takesStream = (method) =>
  method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";

async function checkSuccess(method, row) {
  const requestId = nextId();
  const options = { token: tokens[row.token ?? "admin"] };
  await row.before?.(world);
  const inputs = ways.all.map((_, way) => inputsOf(row.request, method, way, requestId));
  const results = row.meanwhile
    ? await callTogether(method, inputs, options, row.meanwhile)
    : await callInTurn(method, inputs, options);
  const differs = row.differs ?? [];
  const reference = results[2];
  assert.equal(reference.error, undefined);
  if (row.once) {
    assert.ok(results[0].answers[0][row.once]);
    delete results[0].answers[0][row.once];
  }
  assert.ok(reference.answers.length >= (row.messages ?? 0));
  if (method.methodKind !== "server_streaming") assert.equal(reference.answers.length, 1);
  for (const result of results.slice(0, 2)) {
    if (takesStream(method)) {
      assert.equal(result.error?.code, "Unimplemented", JSON.stringify(result.error));
    } else {
      assert.equal(result.error, undefined);
      assert.deepEqual(normalised(result.answers, differs), normalised(reference.answers, differs));
    }
  }
  await row.after?.(world, reference.answers);
}

async function callInTurn(method, inputs, options) {
  const results = [];
  for (const [way, transport] of ways.all.entries()) {
    results.push(await call(transport, method, inputs[way], options));
  }
  return results;
}

// Opens the streams all at once, and does something when each has sent a message.
async function callTogether(method, inputs, options, meanwhile) {
  const streams = ways.all.map((transport, way) => messagesOf(transport, method, inputs[way], options));
  const first = await Promise.all(streams.map((stream) => stream.next()));
  await meanwhile(world);
  const whole = streams.map(async (stream, way) => {
    const answers = [first[way].value];
    for await (const message of stream) answers.push(message);
    return { answers: answers.map((message) => toJson(method.output, message)) };
  });
  return Promise.all(whole);
}

async function checkRefusal(method, { request, token: whose = "admin", reason }) {
  const requestId = nextId();
  const inputs = ways.all.map((_, way) => inputsOf(request, method, way, requestId));
  const results = await callInTurn(method, inputs, { token: tokens[whose] });
  assert.equal(results[2].error?.reason, reason, JSON.stringify(results[2]));
  for (const result of results.slice(0, 2)) {
    if (takesStream(method)) assert.equal(result.error?.code, "Unimplemented");
    else assert.deepEqual(result, results[2]);
  }
}

for (const [name, row] of Object.entries(rows)) {
  test(name, async () => {
    const method = methodNamed(name);
    await checkSuccess(method, row);
    await checkRefusal(method, row.refused);
    await checkRefusal(method, { ...row.refused, token: "none", reason: "NO_TOKEN" });
  });
}

// The gateway's answer as it came over the wire, without a client that knows the protocol.
function post(name, body, headers) {
  const options = {
    method: "POST",
    headers: { authorization: `Bearer ${tokens.admin}`, "content-type": "application/json", ...headers },
  };
  return new Promise((resolve, reject) => {
    const address = `${deployment.url}/loupe.v1.${name.replace(".", "/")}`;
    const request = http.request(address, options, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => resolve({ answer, body: Buffer.concat(pieces) }));
      answer.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

// What a message of a stream looks like on the wire: flags, length, bytes.
function envelope(text) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

function envelopesIn(bytes) {
  const envelopes = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    envelopes.push({ flags: bytes[at], bytes: bytes.subarray(at + 5, end) });
    at = end;
  }
  return envelopes;
}

const stream = { "content-type": "application/connect+json", "connect-protocol-version": "1" };

test("a large answer comes whole, compressed where the caller takes that", async () => {
  const request = JSON.stringify({ project: "large", pageSize: 10000 });
  const plain = await post("ImageService.ListImages", request, {});
  assert.equal(plain.answer.headers["content-encoding"], undefined);
  const { images } = JSON.parse(plain.body);
  assert.equal(images.length, LARGE);
  assert.equal(new Set(images.map((each) => each.id)).size, LARGE);
  const packed = await post("ImageService.ListImages", request, { "accept-encoding": "br, gzip;q=0.5" });
  assert.equal(packed.answer.headers["content-encoding"], "gzip");
  assert.ok(packed.body.length < plain.body.length / 2);
  assert.deepEqual(zlib.gunzipSync(packed.body), plain.body);
});

test("a stream's messages are compressed where the caller takes that", async () => {
  const request = envelope(JSON.stringify({ project: "parts", imageId: world.imageId("big-0000.png") }));
  const plain = await post("ImageService.ReadImage", request, stream);
  assert.equal(plain.answer.headers["connect-content-encoding"], undefined);
  const takesGzip = { ...stream, "connect-accept-encoding": "gzip" };
  const packed = await post("ImageService.ReadImage", request, takesGzip);
  assert.equal(packed.answer.headers["connect-content-encoding"], "gzip");
  const messages = envelopesIn(plain.body);
  assert.ok(messages.length > 2, "a picture of 2 MB has several chunks, and then comes the end");
  assert.deepEqual(JSON.parse(messages.at(-1).bytes), {});
  assert.equal(messages.at(-1).flags, 2);
  const unpacked = envelopesIn(packed.body).map(({ flags, bytes }) => {
    return flags & 1 ? { flags: flags & ~1, bytes: zlib.gunzipSync(bytes) } : { flags, bytes };
  });
  assert.equal(envelopesIn(packed.body)[0].flags, 1);
  assert.deepEqual(unpacked, messages);
});

test("the coordinator holds a call to its deadline", async () => {
  const started = Date.now();
  // Nobody changes the round, so that nothing but the deadline ends the stream.
  await world.submitRound("parts");
  await world.roundTrains("parts", 3);
  const watched = await post("RoundService.WatchRound", envelope('{"project":"parts","number":3}'), {
    ...stream,
    "connect-timeout-ms": "700",
  });
  const last = envelopesIn(watched.body).at(-1);
  assert.equal(JSON.parse(last.bytes).error.code, "deadline_exceeded");
  const locked = await lockProjects(2);
  const shortTime = { "connect-timeout-ms": "300" };
  const asked = await post("ProjectService.GetProject", '{"project":"parts"}', shortTime);
  assert.equal(asked.answer.statusCode, 504);
  assert.equal(JSON.parse(asked.body).code, "deadline_exceeded");
  assert.ok(Date.now() - started < 10_000);
  await locked.end;
});

// Nobody can read projects for some seconds from now.
async function lockProjects(seconds) {
  const end = deployment.psqlMeanwhile(`BEGIN; LOCK TABLE project; SELECT pg_sleep(${seconds}); COMMIT;`);
  await eventually("projects are locked", () => countLocks("granted") === 1);
  return { end };
}

function countLocks(which) {
  const counted = deployment.psql(`
    SELECT count(*) FROM pg_locks
    WHERE relation = 'project'::regclass AND ${which} AND (mode = 'AccessExclusiveLock' OR NOT granted)`);
  return Number(counted);
}

test("a deadline that passes is deadline_exceeded in each way", async () => {
  for (const transport of ways.all) {
    for (const timeoutMs of [1, 400]) {
      const options = { token: tokens.admin, timeoutMs };
      const input = { project: "parts", number: 3 };
      const result = await call(transport, methodNamed("RoundService.WatchRound"), input, options);
      assert.equal(result.error.code, "DeadlineExceeded");
    }
  }
});

test("a stream that is aborted ends at the coordinator", async () => {
  const openBefore = deployment.openDescriptors();
  const endedBefore = endedWatches();
  for (let batch = 0; batch < ABORTED / 50; ++batch) {
    await Promise.all(Array.from({ length: 50 }, (_, i) => watchAndAbort(ways.all[i % 2])));
  }
  await eventually("the aborted streams end", () => endedWatches() - endedBefore >= ABORTED);
  await eventually("the connections are closed", () => deployment.openDescriptors() <= openBefore + 20);
});

async function watchAndAbort(transport) {
  const abort = new AbortController();
  const method = methodNamed("RoundService.WatchRound");
  const options = { token: tokens.admin, signal: abort.signal };
  let messages = 0;
  const watch = async () => {
    for await (const _ of messagesOf(transport, method, { project: "parts", number: 3 }, options)) {
      messages += 1;
      abort.abort();
    }
  };
  await assert.rejects(watch, (error) => error.code === Code.Canceled);
  assert.equal(messages, 1);
}

function endedWatches() {
  return deployment.read("logs/server.log").match(/RoundService.WatchRound admin CANCELLED/g)?.length ?? 0;
}

// The last test: it ends the coordinator.
test("a coordinator that stops answers the calls that are open", async () => {
  const options = { token: tokens.admin };
  const watch = methodNamed("RoundService.WatchRound");
  const streams = ways.all.map((transport) => {
    return messagesOf(transport, watch, { project: "parts", number: 3 }, options);
  });
  await Promise.all(streams.map((stream) => stream.next()));
  const locked = await lockProjects(2);
  const asked = ways.all.map((transport) => {
    return call(transport, methodNamed("ProjectService.GetProject"), { project: "parts" }, options);
  });
  await eventually("the calls wait for the database", () => countLocks("NOT granted") === ways.all.length);
  deployment.terminate();
  const answers = await Promise.all(asked);
  const ends = await Promise.all(streams.map((stream) => rejection(stream.next())));
  await locked.end;
  assert.equal(answers[2].answers[0].name, "parts");
  assert.equal(ends[2].reason, "SHUTTING_DOWN");
  for (const way of [0, 1]) {
    assert.deepEqual(answers[way], answers[2]);
    assert.deepEqual(ends[way], ends[2]);
  }
});

function rejection(promise) {
  return promise.then(
    () => assert.fail("the call did not fail"),
    (error) => describeError(error),
  );
}
