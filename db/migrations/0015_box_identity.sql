-- A box is found by its identity, whatever it was made from.

CREATE INDEX label_box_identity ON label_box (box_id);
DROP INDEX label_box_shown_identity;
