import { useSignal } from "@preact/signals";
import type { RoleJson, TokenJson } from "../../gen/loupe/v1/token_pb";
import { call } from "../api";
import { usePages } from "../dashboards/answer";
import { useChange } from "../dashboards/change";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import type { PageProps } from "../dashboards/pages";
import { More } from "../dashboards/part";
import { Said } from "../dashboards/said";
import { Table } from "../dashboards/table";
import { Title } from "../dashboards/title";
import { When } from "../dashboards/when";
import { Sessions } from "../sessions";
import { Invite } from "./invite";
import { Secret, type Invited } from "./secret";
import "./people.css";

export function stateOf(token: TokenJson, now: number): string {
  if (token.revokedAt) return "revoked";
  return token.expiresAt && Date.parse(token.expiresAt) <= now ? "expired" : "";
}

// Who may call the coordinator: inviting people, and taking that back.
export function People({ caller }: PageProps) {
  const version = useSignal(0); // of the list
  const invited = useSignal<Invited | null>(null);
  const pages = usePages(
    async (pageToken) => {
      const answer = await call("TokenService", "listTokens", { pageSize: 100, pageToken });
      return { rows: answer.tokens ?? [], nextPageToken: answer.nextPageToken ?? "" };
    },
    [version.value],
  );
  const reload = () => void (version.value += 1);
  const link = async (token: TokenJson) => {
    const { url = "", expiresAt } = await call("SessionService", "createLoginLink", {
      tokenId: token.id ?? "",
    });
    invited.value = { name: token.name ?? "", secret: "", isLost: false, url, expiresAt: expiresAt ?? "" };
  };
  const columns: Column<TokenJson>[] = [
    { name: "name", title: "Name", value: ({ name }) => name },
    { name: "id", title: "", value: ({ id }) => Number(id) },
    { name: "role", title: "Role", value: ({ role }) => roleName(role), isText: true },
    {
      name: "created_at",
      title: "Since",
      value: ({ createdAt }) => createdAt,
      show: ({ createdAt }) => <When at={createdAt} />,
      isText: true,
    },
    {
      name: "expires_at",
      title: "Expires",
      value: ({ expiresAt }) => expiresAt,
      show: ({ expiresAt }) => (expiresAt ? <When at={expiresAt} /> : "never"),
      isText: true,
    },
    {
      name: "revoked_at",
      title: "",
      value: ({ revokedAt }) => revokedAt,
    },
    {
      name: "state",
      title: "Access",
      value: (token) => stateOf(token, Date.now()) || "in use",
      show: (token) => <Access token={token} isCaller={token.id === caller.id} reload={reload} link={link} />,
      isText: true,
    },
  ];
  return (
    <main class="people">
      <Title text="People" />
      <Invite
        made={(one) => {
          invited.value = one;
          reload();
        }}
      />
      {invited.value && <Secret invited={invited.value} close={() => (invited.value = null)} />}
      <section class="part" aria-labelledby="tokens">
        <div class="part-head">
          <h3 id="tokens">Who has access</h3>
          {pages.rows && <Downloads name="people" columns={columns} rows={pages.rows} />}
        </div>
        {pages.rows && (
          <Table caption="Who has access" columns={columns} rows={pages.rows} rowKey={({ id }) => id ?? ""} />
        )}
        <More pages={pages} />
      </section>
      <Sessions />
    </main>
  );
}

export function roleName(role: RoleJson | undefined): string {
  return (role ?? "").toLowerCase();
}

interface AccessProps {
  token: TokenJson;
  isCaller: boolean;
  reload: () => void;
  link: (token: TokenJson) => Promise<void>;
}

// What can be done about a token.
function Access({ token, isCaller, reload, link }: AccessProps) {
  const isAsking = useSignal(false);
  const change = useChange();
  const { id = "", name = "" } = token;
  const ended = stateOf(token, Date.now());
  if (ended) return <span class="faint">{ended}</span>;
  if (isCaller) return <span class="faint">you</span>;
  const revoke = async () => {
    if (await change.run(() => call("TokenService", "revokeToken", { id }))) reload();
    isAsking.value = false;
  };
  return (
    <span class="access">
      {isAsking.value ? (
        <>
          <button type="button" class="danger" disabled={change.isBusy} onClick={revoke}>
            Revoke the access of {name} for good
          </button>
          <button type="button" onClick={() => (isAsking.value = false)}>
            Keep
          </button>
        </>
      ) : (
        <>
          <button
            type="button"
            aria-label={`Login link for ${name}`}
            onClick={() => change.run(() => link(token))}
          >
            Login link
          </button>
          <button type="button" aria-label={`Revoke ${name}`} onClick={() => (isAsking.value = true)}>
            Revoke…
          </button>
        </>
      )}
      <Said change={change} />
    </span>
  );
}
