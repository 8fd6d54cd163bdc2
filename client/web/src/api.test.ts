import { afterEach, expect, test, vi } from "vitest";
import { ApiError, NetworkError, call, parted, send } from "./api";

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
