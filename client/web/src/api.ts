// The way to the coordinator: the Connect protocol's unary calls, as JSON.

import type { DescMethod, MessageJsonType } from "@bufbuild/protobuf";
import type { LabelingService } from "../gen/loupe/v1/labeling_pb";
import type { ProjectService } from "../gen/loupe/v1/project_pb";
import type { SessionService } from "../gen/loupe/v1/session_pb";

interface Services {
  LabelingService: typeof LabelingService;
  ProjectService: typeof ProjectService;
  SessionService: typeof SessionService;
}
type Methods<S extends keyof Services> = Services[S]["method"];
type Json<M, Side extends "input" | "output"> = M extends DescMethod ? MessageJsonType<M[Side]> : never;

// The coordinator's refusal. `reason` is that of google.rpc.ErrorInfo, in capitals; empty: it gave none.
export class ApiError extends Error {
  constructor(
    readonly httpStatus: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

// No answer came.
export class NetworkError extends Error {
  constructor() {
    super("The coordinator can't be reached: check the network, and whether the coordinator runs.");
  }
}

export interface SendOptions {
  // The request goes on when the page is left.
  keepalive?: boolean;
}

let parting: Promise<unknown> = Promise.resolve();

// Returns when the requests of pages that were left have been answered, or have failed: what the next page
// reads may depend on them.
export async function parted(): Promise<void> {
  await parting;
}

// An answer that takes longer won't come: the coordinator gives a call a minute.
const LONGEST_WAIT = 70_000; // milliseconds

// Throws ApiError and NetworkError.
export async function call<S extends keyof Services, M extends keyof Methods<S> & string>(
  service: S,
  method: M,
  request: Json<Methods<S>[M], "input">,
  options: SendOptions = {},
): Promise<Json<Methods<S>[M], "output">> {
  const name = method[0]!.toUpperCase() + method.slice(1);
  const response = await send("POST", `/loupe.v1.${service}/${name}`, request, options);
  return response.json().catch(() => {
    throw new NetworkError(); // It broke off.
  });
}

// Throws ApiError and NetworkError.
export async function send(
  verb: "POST" | "DELETE",
  path: string,
  body?: unknown,
  options: SendOptions = {},
): Promise<Response> {
  const answer = fetch(path, {
    method: verb,
    headers: { "Content-Type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(LONGEST_WAIT),
    ...options,
  });
  if (options.keepalive) parting = Promise.allSettled([parting, answer]);
  let response: Response;
  try {
    response = await answer;
  } catch {
    throw new NetworkError();
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

interface ErrorBody {
  message?: string;
  details?: { type: string; debug?: { reason?: string } }[];
}

// A proxy's errors have no JSON.
export async function errorOf(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as ErrorBody | null;
  const info = body?.details?.find((detail) => detail.type === "google.rpc.ErrorInfo");
  const message = body?.message || `The coordinator answered with HTTP status ${response.status}.`;
  return new ApiError(response.status, info?.debug?.reason ?? "", message);
}
