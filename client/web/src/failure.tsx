import { ApiError, isPassing } from "./api";

// What went wrong, and the way on.
export function Failure({ message, retry }: { message: string; retry: () => void }) {
  return (
    <div class="failure" role="alert">
      <p>{message}</p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

// The same, but for a refusal, which asking again doesn't change.
export function Trouble({ error, retry }: { error: Error; retry: () => void }) {
  const isRefusal = error instanceof ApiError && error.httpStatus < 500 && !isPassing(error);
  if (!isRefusal) return <Failure message={error.message} retry={retry} />;
  return (
    <p class="error" role="alert">
      {error.message}
    </p>
  );
}
