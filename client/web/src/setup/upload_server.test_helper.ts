// UploadService as far as an upload from a browser needs it.

import { fromBinary } from "@bufbuild/protobuf";
import { UploadPartRequestSchema } from "../../gen/loupe/v1/upload_pb";
import { PART_BYTES } from "./upload_part";

export class UploadServer {
  readonly received = new Map<string, number>(); // bytes by hash
  readonly parts: number[] = []; // offsets, as they came
  imports = 0;
  beforePart: (at: number) => Response | void = () => undefined; // `at`: how many came before
  beforeImport: (at: number) => void = () => undefined;

  readonly fetch = async (path: string, { body }: RequestInit): Promise<Response> => {
    if (path.endsWith("/UploadPart")) return this.take(new Uint8Array(await (body as Blob).arrayBuffer()));
    if (path.endsWith("/FindUploads")) return this.find(JSON.parse(body as string).sha256);
    return this.import(JSON.parse(new TextDecoder().decode((body as Uint8Array).subarray(5))).pictures);
  };

  private take(bytes: Uint8Array): Response {
    const refusal = this.beforePart(this.parts.length);
    if (refusal) return refusal;
    const { sha256, sizeBytes, offset } = fromBinary(UploadPartRequestSchema, bytes);
    const hash = btoa(String.fromCharCode(...sha256));
    const before = this.received.get(hash) ?? 0;
    if (Number(offset) > before) return refused("PART_MISSING", `only ${before} bytes have come`);
    this.parts.push(Number(offset));
    this.received.set(hash, Math.min(Number(offset) + PART_BYTES, Number(sizeBytes)));
    return Response.json({});
  }

  private find(hashes: string[]): Response {
    return Response.json({ files: hashes.map((hash) => ({ receivedBytes: this.received.get(hash) ?? 0 })) });
  }

  private import(pictures: { sha256: string }[]): Response {
    this.beforeImport(this.imports++);
    const isThere = pictures.every(({ sha256 }) => this.received.has(sha256));
    if (!isThere) return refused("NOT_UPLOADED", "a file has not come, or was deleted");
    const message = new TextEncoder().encode(JSON.stringify({ result: { added: `${pictures.length}` } }));
    return new Response(new Uint8Array([0, 0, 0, 0, message.length, ...message, 2, 0, 0, 0, 2, 0x7b, 0x7d]));
  }
}

export function refused(reason: string, message: string): Response {
  const details = [{ type: "google.rpc.ErrorInfo", debug: { reason } }];
  return Response.json({ code: "failed_precondition", message, details }, { status: 400 });
}
