-- Answers that take long to compute, kept for dashboards (server/rpc/kept_answers.h).

-- name: SelectKeptAnswer
SELECT answer, computed_at FROM kept_answer WHERE question = $1 AND computed_at >= $2;

-- name: PutKeptAnswer
-- Unless there is a later one. Those of before $4 go, and all but the latest thousand.
WITH old AS (
  DELETE FROM kept_answer
  WHERE question <> $1
    AND (computed_at < $4
         OR question IN (SELECT question FROM kept_answer ORDER BY computed_at DESC OFFSET 1000))
)
INSERT INTO kept_answer (question, answer, computed_at) VALUES ($1, $2, $3)
ON CONFLICT (question) DO UPDATE SET answer = EXCLUDED.answer, computed_at = EXCLUDED.computed_at
WHERE kept_answer.computed_at < EXCLUDED.computed_at;
