import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { TokenJson } from "../gen/loupe/v1/token_pb";
import { Failure } from "./failure";
import type { Route } from "./route";

type Module = typeof import("./dashboards/dashboards");
let loaded: Module | null = null;
let loading: Promise<Module> | null = null;

// Loads the dashboards' script; again after it failed.
export function loadDashboards(): Promise<Module> {
  loading ??= import("./dashboards/dashboards").then(
    (module) => (loaded = module),
    (error: unknown) => {
      loading = null;
      throw error;
    },
  );
  return loading;
}

interface Props {
  shown: Extract<Route, { name: "dashboard" }>;
  caller: TokenJson;
}

export function LazyDashboards(props: Props) {
  const isHere = useSignal(loaded !== null);
  const hasFailed = useSignal(false);
  useEffect(() => {
    loadDashboards().then(
      () => (isHere.value = true),
      () => (hasFailed.value = true),
    );
  }, []);
  if (hasFailed.value) {
    // The coordinator may have been updated since the page was opened: its files have other names now.
    const message = "This page couldn't be loaded: check the network, or load it again.";
    return (
      <main class="narrow">
        <Failure message={message} retry={() => location.reload()} />
      </main>
    );
  }
  return isHere.value && loaded ? <loaded.Dashboards {...props} /> : null;
}
