import { defineConfig } from "vitest/config";

export default defineConfig({
  build: {
    target: "es2022",
    // The gateway's Content-Security-Policy allows files of this origin only, nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` shows the sources at once, with the data of a coordinator on this machine.
    proxy: Object.fromEntries(
      ["/session", "/loupe.v1.", "/images/"].map((path) => [path, "http://127.0.0.1:8080"]),
    ),
  },
  // Ten thousand scripts take seconds, on a busy machine more.
  test: { include: ["src/**/*.test.ts"], testTimeout: 60_000 },
});
