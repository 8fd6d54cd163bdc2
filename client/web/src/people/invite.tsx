import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { RoleJson } from "../../gen/loupe/v1/token_pb";
import { call } from "../api";
import { useChange } from "../dashboards/change";
import { Said } from "../dashboards/said";
import type { Invited } from "./secret";

const roles: [RoleJson, string][] = [
  ["ANNOTATOR", "annotator: labels images"],
  ["ENGINEER", "engineer: labels, imports, starts rounds, promotes models"],
  ["VIEWER", "viewer: sees figures and images, changes nothing"],
  ["ADMIN", "admin: all of that, and invites people"],
  ["WORKER", "worker: a program that trains and predicts"],
];

const DAY = 24 * 3600 * 1000; // milliseconds

const terms: [string, number][] = [
  ["never", 0],
  ["in a week", 7],
  ["in 30 days", 30],
  ["in 90 days", 90],
  ["in a year", 365],
];

// Makes a token, and a link that logs in with it.
export function Invite({ made }: { made: (invited: Invited) => void }) {
  const name = useSignal("");
  const role = useSignal<RoleJson>("ANNOTATOR");
  const days = useSignal(0);
  const change = useChange();

  // The same for the same form, so that the same request is sent again.
  const expiresAt = useMemo(
    () => (days.value > 0 ? { expiresAt: new Date(Date.now() + days.value * DAY).toISOString() } : {}),
    [name.value, role.value, days.value],
  );

  async function invite(event: Event) {
    event.preventDefault();
    await change.run(async () => {
      const request = { role: role.value, name: name.value.trim(), ...expiresAt };
      const { token, secret = "" } = await change.call("TokenService", "createToken", request);
      name.value = "";
      const invited = { name: token?.name ?? "", secret, isLost: secret === "", url: "", expiresAt: "" };
      made(invited); // it is shown only now, also where no link can be made
      if (request.role === "WORKER") return;
      const link = await call("SessionService", "createLoginLink", { tokenId: token?.id ?? "" });
      made({ ...invited, url: link.url ?? "", expiresAt: link.expiresAt ?? "" });
    });
  }
  return (
    <section class="part" aria-labelledby="invite">
      <h3 id="invite">Invite somebody</h3>
      <form class="line" onSubmit={invite}>
        <label>
          Name
          <input
            maxLength={100}
            required
            autocomplete="off"
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
        <label>
          Role
          <select
            value={role.value}
            onChange={(event) => (role.value = event.currentTarget.value as RoleJson)}
          >
            {roles.map(([each, text]) => (
              <option key={each} value={each}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label>
          Access ends
          <select value={days.value} onChange={(event) => (days.value = Number(event.currentTarget.value))}>
            {terms.map(([text, each]) => (
              <option key={each} value={each}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class="primary" disabled={change.isBusy}>
          Invite
        </button>
      </form>
      <p class="faint">The name stands as the author of labels.</p>
      <Said change={change} />
    </section>
  );
}
