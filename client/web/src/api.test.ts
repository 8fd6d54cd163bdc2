import { afterEach, expect, test, vi } from "vitest";
import { ApiError, NetworkError, call, isPassing, parted, send, stream } from "./api";

function answer(status: number, body: string) {
  const fetch = vi.fn(async (_path: string, _init: RequestInit) => new Response(body, { status }));
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable("the call succeeded"),
    (error: unknown) => error,
  );
}

afterEach(() => vi.unstubAllGlobals());

test("a call is a POST of JSON to the method's path", async () => {
  const fetch = answer(200, '{"projects":[{"id":"7","name":"castings"}],"nextPageToken":"8"}');
  const page = await call("ProjectService", "listProjects", { pageSize: 1 });
  expect(page).toEqual({ projects: [{ id: "7", name: "castings" }], nextPageToken: "8" });
  const [path, init] = fetch.mock.calls[0]!;
  expect(path).toBe("/loupe.v1.ProjectService/ListProjects");
  expect(init).toMatchObject({
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: '{"pageSize":1}',
  });
});

test("a refusal carries status, message and reason", async () => {
  answer(
    401,
    JSON.stringify({
      code: "unauthenticated",
      message: "The link was used. Ask for another one.",
      details: [
        { type: "google.rpc.Help", value: "" },
        { type: "google.rpc.ErrorInfo", value: "", debug: { reason: "BAD_LINK", domain: "loupe" } },
      ],
    }),
  );
  const error = await refusal(send("POST", "/session", { link: "x" }));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    httpStatus: 401,
    reason: "BAD_LINK",
    message: "The link was used. Ask for another one.",
  });
});

const bodies = ["<h1>Bad gateway</h1>", "", "null", "{}"];
test.each(bodies)("a refusal with the body %j says its status", async (body) => {
  answer(502, body);
  const error = await refusal(call("SessionService", "listSessions", {}));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ httpStatus: 502, reason: "" });
  expect((error as Error).message).toContain("HTTP status 502");
});

test("no answer is a NetworkError", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  expect(await refusal(send("DELETE", "/session"))).toBeInstanceOf(NetworkError);
});

test("what a page asks for when it is left is waited for, whether it succeeds or not", async () => {
  await parted();
  const answers: ((answer: Response | Error) => void)[] = [];
  vi.stubGlobal("fetch", () => {
    return new Promise((resolve, reject) =>
      answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
    );
  });
  const options = { keepalive: true };
  const [first, second] = [send("POST", "/a", {}, options), refusal(send("POST", "/b", {}, options))];
  let isOver = false;
  const waiting = parted().then(() => (isOver = true));
  answers[1]!(new TypeError("Failed to fetch"));
  await second;
  expect(isOver).toBe(false);
  answers[0]!(new Response("{}"));
  await Promise.all([first, waiting]);
  expect(isOver).toBe(true);
});

// A stream of envelopes that comes in pieces of so many bytes.
function streamed(messages: [number, unknown][], pieceBytes: number) {
  const bytes = messages.flatMap(([flags, message]) => {
    const text = new TextEncoder().encode(typeof message === "string" ? message : JSON.stringify(message));
    return [flags, 0, 0, text.length >> 8, text.length & 255, ...text];
  });
  const fetch = vi.fn(async (_path: string, _init: RequestInit) => {
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < bytes.length; i += pieceBytes) {
          controller.enqueue(new Uint8Array(bytes.slice(i, i + pieceBytes)));
        }
        controller.close();
      },
    });
    return new Response(body, { status: 200 });
  });
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

function watch(take: (message: unknown) => void, signal = new AbortController().signal) {
  return stream("RoundService", "watchRound", { project: "castings", number: 2 }, take, signal);
}

test.each([1, 3, 7, 1000])(
  "a stream's messages are taken one by one, in pieces of %d bytes",
  async (piece) => {
    const rounds = [{ state: "training" }, { state: "done", error: "größer" }, { state: "x".repeat(300) }];
    const fetch = streamed([...rounds.map((round): [number, unknown] => [0, round]), [2, {}]], piece);
    const taken: unknown[] = [];
    await watch((message) => taken.push(message));
    expect(taken).toEqual(rounds);
    const [path, init] = fetch.mock.calls[0]!;
    expect(path).toBe("/loupe.v1.RoundService/WatchRound");
    const body = new Uint8Array(init.body as Uint8Array);
    expect([...body.subarray(0, 5)]).toEqual([0, 0, 0, 0, body.length - 5]);
    expect(JSON.parse(new TextDecoder().decode(body.subarray(5)))).toEqual({
      project: "castings",
      number: 2,
    });
  },
);

test("an error at the end of a stream is an ApiError", async () => {
  const details = [{ type: "google.rpc.ErrorInfo", debug: { reason: "NO_SUCH_ROUND" } }];
  streamed([[2, { error: { code: "not_found", message: "there is no round 2", details } }]], 1000);
  expect(await refusal(watch(() => {}))).toMatchObject({
    httpStatus: 404,
    reason: "NO_SUCH_ROUND",
    message: "there is no round 2",
  });
});

test("a stream that breaks off is a NetworkError", async () => {
  streamed([[0, {}]], 1000);
  expect(await refusal(watch(() => {}))).toBeInstanceOf(NetworkError);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  expect(await refusal(watch(() => {}))).toBeInstanceOf(NetworkError);
});

test("a stream that is refused has the refusal's words", async () => {
  answer(429, '{"code":"resource_exhausted","message":"too many calls"}');
  expect(await refusal(watch(() => {}))).toMatchObject({ httpStatus: 429, message: "too many calls" });
});

// As fetch does it: the signal that ends the request ends its answer.
function neverEnding(firstByte: Promise<void>) {
  vi.stubGlobal("fetch", async (_path: string, { signal }: RequestInit) => {
    const aborted = new Promise<never>((_, reject) =>
      signal!.addEventListener("abort", () => reject(new Error("aborted"))),
    );
    await Promise.race([firstByte, aborted]);
    const body = new ReadableStream({ start: (controller) => void aborted.catch((e) => controller.error(e)) });
    return new Response(body);
  });
}

test.each([
  ["no answer", new Promise<void>(() => {})],
  ["an answer", Promise.resolve()],
])("a stream of %s and no message is a NetworkError in time", async (_, firstByte) => {
  neverEnding(firstByte);
  const { signal } = new AbortController();
  const request = { project: "castings", number: 2 };
  const watching = stream("RoundService", "watchRound", request, () => {}, signal, 10);
  expect(await refusal(watching)).toBeInstanceOf(NetworkError);
});

test("a stream may rest for long between two messages", async () => {
  const text = new TextEncoder().encode("{}");
  const message = (flags: number) => new Uint8Array([flags, 0, 0, 0, text.length, ...text]);
  vi.stubGlobal("fetch", async (_path: string, { signal }: RequestInit) => {
    const body = new ReadableStream({
      start(controller) {
        signal!.addEventListener("abort", () => controller.error(new Error("aborted")));
        controller.enqueue(message(0));
        setTimeout(() => (controller.enqueue(message(2)), controller.close()), 50);
      },
    });
    return new Response(body);
  });
  const taken: unknown[] = [];
  const { signal } = new AbortController();
  await stream("RoundService", "watchRound", {}, (each) => taken.push(each), signal, 20);
  expect(taken).toEqual([{}]);
});

test("what may pass is told apart from what will not", () => {
  const passes = (status: number, code?: string) => isPassing(new ApiError(status, "", "", code));
  expect([429, 500, 502, 503, 504].filter((status) => !passes(status))).toEqual([]);
  expect([400, 401, 403, 404, 409].filter((status) => passes(status))).toEqual([]);
  expect(passes(503, "unavailable") && passes(504, "deadline_exceeded")).toBe(true);
  expect(passes(500, "internal") || passes(501, "unimplemented")).toBe(false);
  expect(isPassing(new NetworkError())).toBe(true);
  expect(isPassing(new TypeError("a fault of the page"))).toBe(false);
});

test("a stream that the page ends returns", async () => {
  const end = new AbortController();
  vi.stubGlobal("fetch", async (_path: string, { signal }: RequestInit) => {
    const body = new ReadableStream({
      start: (controller) => signal!.addEventListener("abort", () => controller.error(new Error("aborted"))),
    });
    return new Response(body);
  });
  const watching = watch(() => {}, end.signal);
  setTimeout(() => end.abort());
  await watching;
});
