// A coordinator with its gateway in a folder of its own.

import { execFile, execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";

// Both are set by CMakeLists.txt.
export const { LOUPE_SOURCE: SOURCE, LOUPE_BIN: BIN } = process.env;

export class Deployment {
  // Without a worker, if nothing else is said.
  constructor({ worker = false } = {}) {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "loupe-web-"));
    fs.chmodSync(this.folder, 0o755); // PostgreSQL's own user walks through it.
    this.server = path.join(this.folder, "server");
    this.isUp = true;
    // Also when a test ends the process in the middle.
    process.once("exit", () => this.down());
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
    this.upWords = worker ? ["up"] : ["up", "--no-worker"];
    this.upOutput = this.up();
  }

  // Starts what doesn't run.
  up() {
    return this.loupe(...this.upWords);
  }

  down() {
    if (!this.isUp) return;
    this.isUp = false;
    spawnSync(path.join(BIN, "loupe"), ["down", "--dir", this.server]);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  // A command of `loupe` on this deployment. Throws when it fails. Returns what it prints.
  run(...words) {
    const result = spawnSync(path.join(BIN, "loupe"), [...words, "--dir", this.server], { encoding: "utf8" });
    if (result.status !== 0) throw new Error(`loupe ${words.join(" ")}: ${result.stdout}${result.stderr}`);
    return result;
  }

  loupe(...words) {
    return this.run(...words).stdout;
  }

  json(...words) {
    return JSON.parse(this.loupe(...words, "--json"));
  }

  // The secret of a new token.
  token(role, name) {
    return this.json("token", "create", "--role", role, "--name", name).secret;
  }

  // Runs statements on the coordinator's own database, past its API. Returns the rows as text.
  psql(sql) {
    const [program, words] = this.#psqlCommand();
    return execFileSync(program, words, { input: sql, encoding: "utf8" }).trim();
  }

  // The same in the background.
  async psqlMeanwhile(sql) {
    const [program, words] = this.#psqlCommand();
    await promisify(execFile)(program, [...words, "-c", sql]);
  }

  #psqlCommand() {
    const folders = fs.readdirSync("/usr/lib/postgresql").sort();
    const program = path.join("/usr/lib/postgresql", folders.at(-1), "bin/psql");
    const where = ["-h", path.join(this.server, "postgres"), "-U", "loupe", "-d", "loupe"];
    return [program, [...where, "-v", "ON_ERROR_STOP=1", "-qAt"]];
  }

  read(...names) {
    return fs.readFileSync(path.join(this.server, ...names), "utf8");
  }

  get grpcUrl() {
    return `http://${this.read("server.address").trim()}`;
  }

  get url() {
    return `http://${this.read("http.address").trim()}`;
  }

  get adminToken() {
    return this.read("admin.token").trim();
  }

  get #process() {
    return parseInt(this.read("server.pid"), 10);
  }

  // How many files and sockets the coordinator holds open.
  openDescriptors() {
    return fs.readdirSync(`/proc/${this.#process}/fd`).length;
  }

  // Tells the coordinator to stop, and doesn't wait for that.
  terminate() {
    process.kill(this.#process, "SIGTERM");
  }

  // Ends the coordinator in the middle of whatever it does.
  kill() {
    process.kill(this.#process, "SIGKILL");
  }
}

// Writes grey pictures as PNG; names, sizes and grey values follow from the arguments alone.
export function writePictures(folder, prefix, count, side) {
  fs.mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; ++i) {
    const name = `${prefix}-${String(i).padStart(4, "0")}.png`;
    fs.writeFileSync(path.join(folder, name), png(side, side, i + 1));
  }
}

// A grey PNG of noise, which does not shrink.
export function png(width, height, seed) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // Bits; the zeros after it: grey, no interlacing.
  const rows = Buffer.alloc((width + 1) * height);
  let state = seed;
  for (let i = 0; i < rows.length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    rows[i] = i % (width + 1) === 0 ? 0 : state >>> 24;
  }
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", zlib.deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; ++bit) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

// Waits until a condition holds.
export async function eventually(what, condition, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${seconds} seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
