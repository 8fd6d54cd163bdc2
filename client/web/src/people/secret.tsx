import { useEffect, useRef } from "preact/hooks";
import { Copy } from "../dashboards/copy";
import { When } from "../dashboards/when";

export interface Invited {
  readonly name: string;
  readonly secret: string; // empty: it was shown before, or is lost
  readonly isLost: boolean; // the answer with the secret didn't come
  readonly url: string; // empty: there is no link
  readonly expiresAt: string; // of the link
}

// A token and a login link, which nobody can see again.
export function Secret({ invited, close }: { invited: Invited; close: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [invited]);
  const { name, secret, isLost, url, expiresAt } = invited;
  return (
    <section class="card secret" aria-labelledby="secret">
      <h3 id="secret" ref={heading} tabIndex={-1}>
        For {name}
        {(url || secret) && ": shown only now"}
      </h3>
      {isLost && (
        <p>
          {name} has access now, but the answer with the token was lost, and nobody can see the token again.
          For the command line and for programs, revoke this access and invite under another name.
        </p>
      )}
      {url && (
        <>
          <p>
            Send this link: it logs {name} in once, in any browser, until <When at={expiresAt} />.
          </p>
          <Copy text={url} name="login link" />
        </>
      )}
      {secret && (
        <>
          <p>The token, for the command line, for programs and for later log-ins:</p>
          <Copy text={secret} name="token" />
        </>
      )}
      <button type="button" onClick={close}>
        Done
      </button>
    </section>
  );
}
