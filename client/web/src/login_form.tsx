import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { logIn } from "./session";
import { Mark } from "./mark";

// `message` says why the form is shown; empty: nobody was logged in.
export function LoginForm({ message }: { message: string }) {
  const field = useRef<HTMLInputElement>(null);
  const error = useSignal("");
  const busy = useSignal(false);
  useEffect(() => field.current?.focus(), []);

  async function submit(event: Event) {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    error.value = "";
    try {
      await logIn({ token: field.current!.value.trim() });
    } catch (refusal) {
      error.value = (refusal as Error).message;
      field.current?.focus();
    }
    busy.value = false;
  }

  return (
    <main class="narrow">
      <form class="card login" onSubmit={submit}>
        <h1>
          <Mark /> Loupe
        </h1>
        {message && <p role="status">{message}</p>}
        <label for="token">Token</label>
        <input
          ref={field}
          id="token"
          type="password"
          required
          autocomplete="current-password"
          spellcheck={false}
          aria-invalid={error.value !== ""}
          aria-describedby="token-error token-hint"
        />
        <p id="token-error" class="error" role="alert">
          {error}
        </p>
        <button type="submit" class="primary">
          {busy.value ? "Logging in…" : "Log in"}
        </button>
        <p id="token-hint" class="faint">
          A token begins with <code>loupe_</code>. Whoever runs this Loupe gives you one, or a link that
          logs you in.
        </p>
      </form>
    </main>
  );
}
