// People log in with a browser: by a link or a token, for as long as the session lasts, and safely.

import assert from "node:assert/strict";
import http from "node:http";
import path from "node:path";
import test, { after, before, beforeEach } from "node:test";
import { chromium } from "playwright-core";
import { Deployment } from "./deployment.mjs";

const CHROMIUM = "/usr/bin/chromium";
const SCREENSHOTS = process.cwd();
const WAIT = 10_000; // milliseconds

const deployment = new Deployment();
const { url, adminToken } = deployment;
let browser;
// What went wrong on the pages that a test has opened.
let problems = [];

before(async () => {
  deployment.loupe("project", "create", "castings", "--classes", "scratch,dent");
  deployment.loupe("project", "create", "welds", "--classes", "pore");
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
  browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args });
});
after(async () => {
  await browser?.close();
  deployment.down();
});
beforeEach(() => (problems = []));

// A browser of its own: cookies are not shared.
async function newBrowser(t, options = {}) {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("requestfailed", (request) => problems.push(`${request.url()}: ${request.failure().errorText}`));
  return page;
}

// Both projects' progress is there: nothing is under way any more that could be cut off, which is a problem.
async function isHome(page) {
  await page.getByRole("heading", { name: "Your sessions" }).waitFor();
  await page.getByText("no pictures yet").nth(1).waitFor();
}

const isForm = (page) => page.getByLabel("Token").waitFor();
const shows = (page, text) => page.getByText(text).waitFor();
const sessionsOn = (page) => page.getByRole("button", { name: /^End the session/ });
const newLink = (...whose) => deployment.loupe("token", "link", ...whose).trim();

async function enterToken(page, token) {
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
}

async function logIn(page) {
  await page.goto(newLink());
  await isHome(page);
}

test("the link that `loupe up` prints logs in, once", async (t) => {
  const link = /^log in\s+(\S+)/m.exec(deployment.upOutput)[1];
  const secret = link.split("#link=")[1];
  assert.ok(secret);
  const page = await newBrowser(t);
  await page.goto(link);
  await isHome(page);
  await page.locator("header .name").getByText("admin").waitFor();
  assert.equal(page.url(), `${url}/`);
  assert.equal(await page.evaluate(() => location.href), `${url}/`);
  assert.ok(!(await page.content()).includes(secret));
  assert.deepEqual(problems, []);

  const second = await newBrowser(t);
  await second.goto(link);
  await shows(second, "this link was used already, or has expired");
  await isForm(second);
  assert.equal(second.url(), `${url}/`);
});

test("the links of `loupe token create` and `loupe token link` log in as the token's holder", async (t) => {
  const created = deployment.run("token", "create", "--role", "annotator", "--name", "anna");
  assert.match(created.stdout, /^loupe_\S{43}\n$/);
  const links = [/(http\S+)/.exec(created.stderr)[1], newLink("anna")];
  for (const link of links) {
    const page = await newBrowser(t);
    await page.goto(link);
    await isHome(page);
    await page.locator("header").getByText("anna").waitFor();
    await page.locator("header").getByText("annotator").waitFor();
  }
  assert.deepEqual(problems, []);
});

test("a link that is opened in a tab which shows the page logs in", async (t) => {
  const page = await newBrowser(t);
  await page.goto(url);
  await isForm(page);
  await page.goto(newLink());
  await isHome(page);
  assert.equal(page.url(), `${url}/`);
});

test("a token logs in, and a reload stays logged in", async (t) => {
  const page = await newBrowser(t);
  await page.goto(url);
  await isForm(page);
  problems = []; // Without a session the page's first question is refused, which browsers report.
  await enterToken(page, `  ${adminToken} `);
  await isHome(page);
  const projects = page.getByRole("region", { name: "Projects" });
  await projects.getByText("castings").waitFor();
  await projects.getByText("scratch, dent").waitFor();
  await projects.getByText("welds").waitFor();
  await shows(page, "this one");
  await page.reload();
  await isHome(page);
  await projects.getByText("castings").waitFor();
  assert.deepEqual(problems, []);
});

test("a wrong token is refused with the reason", async (t) => {
  const page = await newBrowser(t);
  await page.goto(url);
  await isForm(page);
  await enterToken(page, "loupe_wrong");
  await page.getByRole("alert").getByText("this token is unknown: ask an admin for another").waitFor();
  await enterToken(page, adminToken);
  await isHome(page);
});

test("a revoked token is refused with the reason, and its session ends", async (t) => {
  const secret = deployment.token("viewer", "vera");
  const page = await newBrowser(t);
  await page.goto(url);
  await enterToken(page, secret);
  await isHome(page);
  deployment.loupe("token", "revoke", "vera");
  await page.waitForTimeout(1200); // Within a second nobody is asked again.
  await page.reload();
  await isForm(page);
  await enterToken(page, secret);
  await page.getByRole("alert").getByText("revoked").waitFor();
});

test("a session can be ended from another browser", async (t) => {
  deployment.psql("DELETE FROM session");
  const mine = await newBrowser(t);
  await logIn(mine);
  const other = await newBrowser(t);
  await logIn(other);
  await mine.reload();
  await isHome(mine);
  assert.equal(await sessionsOn(mine).count(), 2);
  const rows = mine.getByRole("region", { name: "Your sessions" }).getByRole("listitem");
  await rows.filter({ hasNotText: "this one" }).getByRole("button").click();
  await rows.nth(1).waitFor({ state: "detached" });
  assert.equal(await sessionsOn(mine).count(), 1);
  await mine.waitForTimeout(1200);
  await sessionsOn(other).first().click();
  await shows(other, "Your session has ended. Log in again.");
  await isForm(other);
});

test("one's own session can be ended", async (t) => {
  deployment.psql("DELETE FROM session");
  const page = await newBrowser(t);
  await logIn(page);
  await sessionsOn(page).click();
  await isForm(page);
  assert.equal(deployment.psql("SELECT count(*) FROM session"), "0");
  await page.waitForTimeout(1200);
  await page.reload();
  await isForm(page);
});

test("who logs out is logged out", async (t) => {
  deployment.psql("DELETE FROM session");
  const page = await newBrowser(t);
  await logIn(page);
  await page.getByRole("button", { name: "Log out" }).click();
  await isForm(page);
  assert.deepEqual(problems, []);
  assert.deepEqual(await page.context().cookies(), []);
  assert.equal(deployment.psql("SELECT count(*) FROM session"), "0");
  await page.reload();
  await isForm(page);
});

test("an expired session shows the log-in form", async (t) => {
  const page = await newBrowser(t);
  await logIn(page);
  deployment.psql("UPDATE session SET expires_at = now() - interval '1 second'");
  await page.waitForTimeout(1200);
  await page.reload();
  await isForm(page);
});

test("the cookie is kept from scripts and from other sites", async (t) => {
  const page = await newBrowser(t);
  await logIn(page);
  assert.equal(await page.evaluate(() => document.cookie), "");
  const cookies = await page.context().cookies();
  assert.equal(cookies.length, 1);
  const [{ name, httpOnly, sameSite, path: cookiePath, expires }] = cookies;
  assert.equal(name, `loupe_session_${new URL(url).port}`);
  const found = { httpOnly, sameSite, cookiePath };
  assert.deepEqual(found, { httpOnly: true, sameSite: "Strict", cookiePath: "/" });
  const days = (expires - Date.now() / 1000) / (24 * 3600);
  assert.ok(days > 13.9 && days <= 14, `the cookie lasts ${days} days`);
});

// A server of another origin. `page`: the HTML that it serves.
async function otherOrigin(t, page) {
  let requests = 0;
  const server = http.createServer((request, response) => {
    requests += 1;
    response.setHeader("content-type", "text/html");
    response.setHeader("access-control-allow-origin", "*");
    response.end(page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return { address: `http://127.0.0.1:${server.address().port}`, count: () => requests };
}

test("the page's policy stops what isn't the page's own", async (t) => {
  const other = await otherOrigin(t, "");
  const page = await newBrowser(t);
  await logIn(page);
  const seen = await page.evaluate(async (address) => {
    const violations = [];
    const note = (event) => violations.push(event.effectiveDirective);
    document.addEventListener("securitypolicyviolation", note);
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.body.append(script);
    const button = document.createElement("button");
    button.setAttribute("onclick", "window.injected = true");
    document.body.append(button);
    button.click();
    const image = new Image();
    image.src = `${address}/image`;
    const fetched = await fetch(address).then(
      () => "fetched",
      () => "refused",
    );
    const frame = document.createElement("iframe");
    frame.src = address;
    document.body.append(frame);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { injected: window.injected ?? false, fetched, violations: violations.sort() };
  }, other.address);
  assert.deepEqual(seen, {
    injected: false,
    fetched: "refused",
    violations: ["connect-src", "frame-src", "img-src", "script-src-attr", "script-src-elem"],
  });
  assert.equal(other.count(), 0);
});

test("the page's policy stops eval", async (t) => {
  const page = await newBrowser(t);
  await logIn(page);
  // By a timer: what the test itself evaluates is exempt from the policy.
  const outcome = await page.evaluate(() => {
    return new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.blockedURI));
      setTimeout("window.evaluated = true", 0);
      setTimeout(() => resolve(`no violation, ${window.evaluated}`), 2000);
    });
  });
  assert.equal(outcome, "eval");
});

test("no other site can frame the page, or act with the session", async (t) => {
  const page = await newBrowser(t);
  await logIn(page);
  const other = await otherOrigin(t, `<iframe src="${url}/"></iframe>`);
  await page.goto(other.address.replace("127.0.0.1", "localhost"), { waitUntil: "load" });
  const framed = page.frames().find((frame) => frame !== page.mainFrame());
  assert.equal(await framed.getByText("Loupe").count(), 0);
  assert.ok(problems.some((problem) => problem.includes("frame-ancestors")), problems.join("\n"));
  // The same site, another port: here the browser would send the cookie.
  await page.goto(other.address, { waitUntil: "load" });
  const outcomes = await page.evaluate(async (address) => {
    const calls = [
      ["/loupe.v1.SessionService/ListSessions", { method: "POST", mode: "no-cors", body: "{}" }],
      ["/loupe.v1.SessionService/ListSessions", { method: "POST", body: "{}" }],
      ["/session", { method: "DELETE" }],
      ["/", { method: "GET", mode: "no-cors" }],
    ];
    const send = ([where, options]) => fetch(address + where, { ...options, credentials: "include" });
    return (await Promise.allSettled(calls.map(send))).map((each) => each.status);
  }, url);
  assert.deepEqual(outcomes, ["rejected", "rejected", "rejected", "rejected"]);
  await page.goto(url);
  await isHome(page);
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1000, 360]) {
    test(`the page fits ${width} pixels, ${colorScheme}`, async (t) => {
      const page = await newBrowser(t, { colorScheme, viewport: { width, height: 720 } });
      const shoot = async (name) => {
        const file = `login-${name}-${colorScheme}-${width}.png`;
        await page.screenshot({ path: path.join(SCREENSHOTS, file), fullPage: true });
        const widest = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(widest <= width, `${name} is ${widest} pixels wide`);
      };
      await page.goto(url);
      await isForm(page);
      await enterToken(page, "loupe_wrong");
      await page.getByRole("alert").getByText("unknown").waitFor();
      await shoot("form");
      await enterToken(page, adminToken);
      await isHome(page);
      await shows(page, "castings");
      await shoot("home");
    });
  }
}
