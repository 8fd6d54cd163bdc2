-- What a snapshot holds, by author, counted when it is made: to count it for whoever asks took seconds.
CREATE TABLE snapshot_count (
  snapshot_id bigint NOT NULL REFERENCES snapshot,
  author_id bigint NOT NULL REFERENCES principal,
  -- Whether the author saw no predictions.
  blind boolean NOT NULL,
  -- 'image', or the origin of boxes that aren't regions to ignore.
  counted text NOT NULL,
  number bigint NOT NULL CHECK (number > 0),
  PRIMARY KEY (snapshot_id, author_id, blind, counted)
);
WITH item AS (
  SELECT snapshot_id, revision_id, author_id, blind
  FROM snapshot_item JOIN label_revision ON label_revision.id = revision_id
)
INSERT INTO snapshot_count (snapshot_id, author_id, blind, counted, number)
SELECT snapshot_id, author_id, blind, 'image', count(*) FROM item GROUP BY snapshot_id, author_id, blind
UNION ALL
SELECT snapshot_id, author_id, blind, origin, count(*)
FROM item JOIN label_box USING (revision_id)
WHERE NOT ignore GROUP BY snapshot_id, author_id, blind, origin;
