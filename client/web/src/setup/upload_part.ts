// The request UploadPart in protobuf's binary form: bytes in JSON would be a third larger, and copied thrice.

import { ApiError, NetworkError, errorOf } from "../api";

export const PART_BYTES = 1 << 20; // as the coordinator takes them
const LONGEST_PART = 60_000; // milliseconds

function varint(value: number): number[] {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

// All but the bytes of the last field. Source: https://protobuf.dev/programming-guides/encoding
export function partHead(
  sha256: Uint8Array,
  sizeBytes: number,
  offset: number,
  partBytes: number,
): Uint8Array {
  return Uint8Array.from([
    (1 << 3) | 2,
    ...varint(sha256.length),
    ...sha256,
    2 << 3,
    ...varint(sizeBytes),
    3 << 3,
    ...varint(offset),
    (4 << 3) | 2,
    ...varint(partBytes),
  ]);
}

// Throws ApiError and NetworkError.
export async function sendPart(
  sha256: Uint8Array,
  file: Blob,
  offset: number,
  signal: AbortSignal,
): Promise<void> {
  const part = file.slice(offset, offset + PART_BYTES);
  const end = new AbortController();
  const stop = () => end.abort();
  const timer = setTimeout(stop, LONGEST_PART);
  signal.addEventListener("abort", stop);
  try {
    const response = await fetch("/loupe.v1.UploadService/UploadPart", {
      method: "POST",
      headers: { "Content-Type": "application/proto" },
      body: new Blob([partHead(sha256, file.size, offset, part.size), part]),
      signal: end.signal,
    });
    if (!response.ok) throw await errorOf(response);
    await response.arrayBuffer();
  } catch (error) {
    throw error instanceof ApiError ? error : new NetworkError();
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
