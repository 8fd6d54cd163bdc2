import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { TokenJson } from "../gen/loupe/v1/token_pb";
import { Mark } from "./mark";
import { logOut } from "./session";

// `children`: the way to the other pages.
export function Header({ caller, children }: { caller: TokenJson; children?: ComponentChildren }) {
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
          <a href="#">
            <Mark /> Loupe
          </a>
        </h1>
        {children}
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
