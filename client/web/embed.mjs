// Makes a C++ source that holds the files of a folder: `node embed.mjs FOLDER OUT.cc`. See web_files.h.
// The assembler reads the files, so that compiling takes no time.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const mediaTypes = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

const [folder, out] = process.argv.slice(2).map((path) => resolve(path));
const compressed = `${out}.gzip`;
mkdirSync(compressed, { recursive: true });

let assembly = "";
let declarations = "";
// The expression for the bytes of a file. The digest tells ccache that a file of the same name has changed.
function embed(path, bytes) {
  const symbol = `loupe_web_${createHash("sha256").update(path).update(bytes).digest("hex").slice(0, 32)}`;
  assembly +=
    `asm(".pushsection .rodata\\n.global ${symbol}\\n${symbol}:\\n"\n` +
    `    ".incbin " ${JSON.stringify(JSON.stringify(path))} "\\n.popsection");\n`;
  declarations += `extern const char ${symbol}[];\n`;
  return `{${symbol}, ${bytes.length}}`;
}

function entry(name) {
  const file = join(folder, name);
  const bytes = readFileSync(file);
  const mediaType = mediaTypes[extname(name)];
  if (!mediaType) throw new Error(`embed.mjs: say which media type ${name} has`);

  const zipped = gzipSync(bytes, { level: 9 });
  let gzip = "{}";
  if (zipped.length < bytes.length) {
    const zippedFile = join(compressed, `${name.replaceAll("/", "_")}.gz`);
    writeFileSync(zippedFile, zipped);
    gzip = embed(zippedFile, zipped);
  }
  // Vite puts a hash into the name of each asset.
  return `    {"/${name}", "${mediaType}", ${embed(file, bytes)}, ${gzip}, ${name.startsWith("assets/")}},\n`;
}

const names = readdirSync(folder, { recursive: true })
  .filter((name) => statSync(join(folder, name)).isFile())
  .sort();
const entries = names.map(entry).join("");

writeFileSync(
  out,
  `// Made by embed.mjs.
#include "client/web/web_files.h"

${assembly}
extern "C" {
${declarations}}

namespace loupe {

std::span<const WebFile> WebFiles() {
  static constexpr WebFile kFiles[] = {
${entries}  };
  return kFiles;
}

}  // namespace loupe
`,
);
