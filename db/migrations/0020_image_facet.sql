-- Finding images by what is known of them, at any number of images (db/search/image_search.h).

-- For each value of what is known of images, the set of images that have it, as bits: that of an image is bit
-- `id % 32768` of the block `id / 32768`, the first of a byte being its lowest. A set without an image of a
-- block has no row for it. The kinds are those of image_facets() in db/functions/image_facets.sql.
CREATE TABLE image_facet (
  project_id bigint NOT NULL REFERENCES project,
  kind text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  block bigint NOT NULL,
  bits bytea NOT NULL CHECK (octet_length(bits) = 4096),
  PRIMARY KEY (project_id, kind, value, block)
);

-- Images of which something has changed that image_facet doesn't have yet; some more than once. Without
-- indexes and keys: a row is added with each label, and taken away within seconds.
CREATE TABLE image_change (
  project_id bigint NOT NULL,
  image_id bigint NOT NULL
);
INSERT INTO image_change SELECT project_id, id FROM image;

-- The model whose scores image_facet has, and the first block where they still have to be read; NULL: none.
CREATE TABLE image_score_state (
  project_id bigint PRIMARY KEY REFERENCES project,
  model_id bigint NOT NULL REFERENCES model,
  next_block bigint
);

-- Names are compared by their bytes: those that begin with a text lie together in any language.
DROP INDEX image_file_name;
CREATE INDEX image_file_name ON image (project_id, file_name COLLATE "C", id);
-- By the part behind the folders.
CREATE INDEX image_base_name ON image (project_id, (substring(file_name FROM '[^/]*$')) COLLATE "C", id);
