// Who is logged in. What happens to the session decides which view is shown.

import { signal } from "@preact/signals";
import type { SessionJson } from "../gen/loupe/v1/session_pb";
import type { TokenJson } from "../gen/loupe/v1/token_pb";
import { ApiError, call, send } from "./api";
import { takeLink } from "./link";

export type View =
  | { name: "loading" }
  | { name: "login"; message: string }
  | { name: "failed"; message: string; retry: () => void }
  | { name: "home"; caller: TokenJson };

export const view = signal<View>({ name: "loading" });
// The caller's own, newest first.
export const sessions = signal<SessionJson[]>([]);

// Logs in by the link in the page's address. Returns false when there is none.
export function openLink(): boolean {
  const link = takeLink();
  if (link === null) return false;
  view.value = { name: "loading" };
  void enter(
    async () => {
      try {
        await logIn({ link });
      } catch (refusal) {
        if (!isUnauthenticated(refusal)) throw refusal;
        // Who is logged in already doesn't need the link.
        await resume((refusal as Error).message);
      }
    },
    (refusal) => refusal,
  );
  return true;
}

// A browser counts a request whose answer nobody reads as broken off.
async function read(answer: Promise<Response>): Promise<void> {
  await (await answer).arrayBuffer();
}

// Goes on with the session that the browser has; without one, shows the log-in form with this message.
export async function resume(messageWithoutSession: string): Promise<void> {
  await enter(
    async () => {
      const answer = await call("SessionService", "listSessions", {});
      sessions.value = answer.sessions ?? [];
      view.value = { name: "home", caller: answer.caller ?? {} };
    },
    () => messageWithoutSession,
  );
}

// Throws ApiError and NetworkError when no session was made.
export async function logIn(secret: { token: string } | { link: string }): Promise<void> {
  await read(send("POST", "/session", secret));
  await resume("Your browser kept no cookie. Allow cookies for this page, then log in again.");
}

// Throws ApiError and NetworkError.
export async function logOut(): Promise<void> {
  await guarded(read(send("DELETE", "/session")));
  showLogin("");
}

// Throws ApiError and NetworkError.
export async function endSession(session: SessionJson): Promise<void> {
  await guarded(call("SessionService", "endSession", { id: session.id }));
  if (session.isCurrent) {
    showLogin("");
  } else {
    sessions.value = sessions.value.filter((other) => other.id !== session.id);
  }
}

// Passes on what a call returns or throws. When the call finds that the session has ended, the log-in form
// takes the place of the view.
export async function guarded<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isUnauthenticated(error)) showLogin("Your session has ended. Log in again.");
    throw error;
  }
}

function isUnauthenticated(error: unknown): boolean {
  return error instanceof ApiError && error.httpStatus === 401;
}

// Runs a way to get in, which changes the view when it succeeds.
async function enter(
  way: () => Promise<void>,
  messageWhenRefused: (refusal: string) => string,
): Promise<void> {
  try {
    await way();
  } catch (error) {
    const { message } = error as Error;
    if (isUnauthenticated(error)) {
      showLogin(messageWhenRefused(message));
    } else {
      view.value = { name: "failed", message, retry };
    }
  }

  function retry() {
    view.value = { name: "loading" };
    void enter(way, messageWhenRefused);
  }
}

function showLogin(message: string): void {
  sessions.value = [];
  view.value = { name: "login", message };
}
