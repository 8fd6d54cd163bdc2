// The way to the coordinator: the Connect protocol's calls, as JSON.

import type { DescMethod, MessageJsonType } from "@bufbuild/protobuf";
import type { ImageService } from "../gen/loupe/v1/image_pb";
import type { InsightService } from "../gen/loupe/v1/insight_pb";
import type { LabelingService } from "../gen/loupe/v1/labeling_pb";
import type { ModelService } from "../gen/loupe/v1/model_pb";
import type { ProjectService } from "../gen/loupe/v1/project_pb";
import type { ProvenanceService } from "../gen/loupe/v1/provenance_pb";
import type { RoundService } from "../gen/loupe/v1/round_pb";
import type { SessionService } from "../gen/loupe/v1/session_pb";
import type { TokenService } from "../gen/loupe/v1/token_pb";
import type { UploadService } from "../gen/loupe/v1/upload_pb";

interface Services {
  ImageService: typeof ImageService;
  InsightService: typeof InsightService;
  LabelingService: typeof LabelingService;
  ModelService: typeof ModelService;
  ProjectService: typeof ProjectService;
  ProvenanceService: typeof ProvenanceService;
  RoundService: typeof RoundService;
  SessionService: typeof SessionService;
  TokenService: typeof TokenService;
  UploadService: typeof UploadService;
}
type Methods<S extends keyof Services> = Services[S]["method"];
type Json<M, Side extends "input" | "output"> = M extends DescMethod ? MessageJsonType<M[Side]> : never;

// The coordinator's refusal. `reason` is that of google.rpc.ErrorInfo, in capitals; empty: it gave none.
export class ApiError extends Error {
  constructor(
    readonly httpStatus: number,
    readonly reason: string,
    message: string,
    readonly code = "", // of the Connect protocol; empty: a proxy's answer has none
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

const PASSING_CODES = ["unavailable", "resource_exhausted", "deadline_exceeded", "canceled"];

// Whether the same request may succeed later.
export function isPassing(error: unknown): boolean {
  if (!(error instanceof ApiError)) return error instanceof NetworkError;
  const { code, httpStatus } = error;
  return code === "" ? httpStatus === 429 || httpStatus >= 500 : PASSING_CODES.includes(code);
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
  const response = await send("POST", pathOf(service, method), request, options);
  return response.json().catch(() => {
    throw new NetworkError(); // It broke off.
  });
}

function pathOf(service: string, method: string): string {
  return `/loupe.v1.${service}/${method[0]!.toUpperCase()}${method.slice(1)}`;
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
  code?: string;
  message?: string;
  details?: { type: string; debug?: { reason?: string } }[];
}

// A proxy's errors have no JSON.
export async function errorOf(response: Response): Promise<ApiError> {
  return refusalOf(response.status, (await response.json().catch(() => null)) as ErrorBody | null);
}

function refusalOf(status: number, body: ErrorBody | null): ApiError {
  const info = body?.details?.find((detail) => detail.type === "google.rpc.ErrorInfo");
  const message = body?.message || `The coordinator answered with HTTP status ${status}.`;
  return new ApiError(status, info?.debug?.reason ?? "", message, body?.code);
}

// Statuses of calls that aren't streams, for the errors at the end of a stream: those that pages tell apart.
const statuses: Record<string, number> = {
  invalid_argument: 400,
  failed_precondition: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  resource_exhausted: 429,
  unavailable: 503,
};
const IS_LAST = 2;

// Calls a method that answers with a stream, and takes each message as it comes. Returns when the stream has
// ended, or `signal` has. Throws ApiError and NetworkError (also when the stream breaks off, or its first
// message doesn't come in time: between two messages it may rest for long).
export async function stream<S extends keyof Services, M extends keyof Methods<S> & string>(
  service: S,
  method: M,
  request: Json<Methods<S>[M], "input">,
  take: (message: Json<Methods<S>[M], "output">) => void,
  signal: AbortSignal,
  longestWait = LONGEST_WAIT, // milliseconds, for the first message
): Promise<void> {
  const end = new AbortController();
  const stop = () => end.abort();
  const timer = setTimeout(stop, longestWait);
  signal.addEventListener("abort", stop);
  const answer = fetch(pathOf(service, method), {
    method: "POST",
    headers: { "Content-Type": "application/connect+json" },
    body: envelope(JSON.stringify(request)),
    signal: end.signal,
  });
  try {
    const response = await answer.catch(() => null);
    if (response && !response.ok) throw await errorOf(response);
    for await (const { flags, text } of envelopesOf(response?.body?.getReader())) {
      clearTimeout(timer);
      const message = JSON.parse(text);
      if ((flags & IS_LAST) === 0) {
        take(message);
        continue;
      }
      const error = message.error as (ErrorBody & { code: string }) | undefined;
      if (error) throw refusalOf(statuses[error.code] ?? 500, error);
      return;
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
  if (!signal.aborted) throw new NetworkError();
}

function envelope(text: string): Uint8Array {
  const message = new TextEncoder().encode(text);
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

// Until the stream ends or breaks off.
async function* envelopesOf(reader: ReadableStreamDefaultReader<Uint8Array> | undefined) {
  let bytes = new Uint8Array();
  for (;;) {
    const size = bytes.length < 5 ? 0 : 5 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
    if (size > 0 && bytes.length >= size) {
      yield { flags: bytes[0]!, text: new TextDecoder().decode(bytes.subarray(5, size)) };
      bytes = bytes.subarray(size);
      continue;
    }
    const { value } = (await reader?.read().catch(() => null)) ?? {};
    if (!value) return;
    const joined = new Uint8Array(bytes.length + value.length);
    joined.set(bytes);
    joined.set(value, bytes.length);
    bytes = joined;
  }
}
