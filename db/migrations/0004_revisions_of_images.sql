-- A revision stands for no image but its own: in a snapshot, as an image's head, and as a task's answer.

ALTER TABLE label_revision ADD UNIQUE (id, image_id);
ALTER TABLE snapshot_item DROP CONSTRAINT snapshot_item_revision_id_fkey,
  ADD CONSTRAINT snapshot_item_revision FOREIGN KEY (revision_id, image_id) REFERENCES label_revision (id, image_id);
ALTER TABLE image DROP CONSTRAINT image_head_revision_id_fkey,
  ADD CONSTRAINT image_head_revision FOREIGN KEY (head_revision_id, id) REFERENCES label_revision (id, image_id);
ALTER TABLE task DROP CONSTRAINT task_revision_id_fkey,
  ADD CONSTRAINT task_revision_of_image FOREIGN KEY (revision_id, image_id) REFERENCES label_revision (id, image_id);
