import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { SessionJson } from "../gen/loupe/v1/session_pb";
import { clientName } from "./client_name";
import { endSession, sessions } from "./session";
import { When } from "./dashboards/when";

// The caller's own sessions.
export function Sessions() {
  const heading = useRef<HTMLHeadingElement>(null);
  const error = useSignal("");

  async function end(session: SessionJson) {
    error.value = "";
    try {
      await endSession(session);
      heading.current?.focus(); // The button that had the focus is gone.
    } catch (refusal) {
      error.value = (refusal as Error).message;
    }
  }

  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions" ref={heading} tabIndex={-1}>
        Your sessions
      </h2>
      <p class="error" role="alert">
        {error}
      </p>
      <ul class="card list">
        {sessions.value.map((session) => (
          <SessionRow key={session.id} session={session} end={() => end(session)} />
        ))}
      </ul>
    </section>
  );
}

function SessionRow({ session, end }: { session: SessionJson; end: () => void }) {
  const name = clientName(session.client ?? "");
  return (
    <li>
      <div class="row-text">
        <span class="name">
          {name} {session.isCurrent && <span class="badge">this one</span>}
        </span>
        <span class="faint">
          Began <When at={session.createdAt} />, ends <When at={session.expiresAt} />
        </span>
      </div>
      <button type="button" onClick={end} aria-label={`End the session of ${name}`}>
        End
      </button>
    </li>
  );
}
