import { useSignal } from "@preact/signals";
import type { TokenJson } from "../gen/loupe/v1/token_pb";
import { Mark } from "./mark";
import { logOut } from "./session";

export function Header({ caller }: { caller: TokenJson }) {
  const error = useSignal("");

  async function leave() {
    error.value = "";
    try {
      await logOut();
    } catch (refusal) {
      error.value = `You are still logged in. ${(refusal as Error).message}`;
    }
  }

  return (
    <header>
      <div class="bar">
        <h1>
          <Mark /> Loupe
        </h1>
        <p class="caller">
          <span class="name">{caller.name}</span> <span class="faint">{caller.role?.toLowerCase()}</span>
        </p>
        <button type="button" onClick={leave}>
          Log out
        </button>
      </div>
      <p class="error" role="alert">
        {error}
      </p>
    </header>
  );
}
