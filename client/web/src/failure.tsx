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
