// One call made in three ways: by Connect with JSON, by Connect with binary messages, and by gRPC.

import { create, fromBinary, fromJson, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";

export class Ways {
  constructor(deployment) {
    const { url, grpcUrl } = deployment;
    this.json = createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false });
    this.binary = createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: true });
    this.grpc = createGrpcTransport({ baseUrl: grpcUrl });
  }

  // gRPC is the reference, and comes last: what a call changes is changed by way of the gateway.
  get all() {
    return [this.json, this.binary, this.grpc];
  }
}

// What a call came to: `{ answers }`, its messages as JSON, or `{ error }`.
// `inputs`: in JSON; several ones if the method takes a stream.
export async function call(transport, method, inputs, options) {
  const answers = [];
  try {
    for await (const message of messagesOf(transport, method, inputs, options)) {
      answers.push(toJson(method.output, message));
    }
  } catch (error) {
    return { answers, error: describeError(error) };
  }
  return { answers };
}

export async function* messagesOf(transport, method, inputs, { token, ...options } = {}) {
  const client = createClient(method.parent, transport);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const run = client[method.localName];
  if (method.methodKind === "unary") {
    yield await run(fromJson(method.input, inputs), { headers, ...options });
  } else if (method.methodKind === "server_streaming") {
    yield* run(fromJson(method.input, inputs), { headers, ...options });
  } else {
    yield await run(streamOf(method, inputs), { headers, ...options });
  }
}

async function* streamOf(method, inputs) {
  for (const input of inputs) yield fromJson(method.input, input);
}

export function describeError(thrown) {
  const error = ConnectError.from(thrown);
  const details = error.details.map((detail) => ({
    type: detail.type,
    value: Buffer.from(detail.value).toString("base64"),
  }));
  const info = error.details.find((detail) => detail.type === ErrorInfoSchema.typeName);
  const { reason } = info ? fromBinary(ErrorInfoSchema, info.value) : create(ErrorInfoSchema);
  return { code: Code[error.code], message: error.rawMessage, reason, details };
}
