-- How images are chosen: more strategies, what near-duplicates are known by.

ALTER TABLE project DROP CONSTRAINT project_strategy_check;
ALTER TABLE project ADD CHECK (strategy IN ('combined', 'entropy', 'margin', 'least_confidence', 'consistency', 'random'));

-- Set by the first worker that decodes the picture: 64 bits that nearly equal pictures nearly share, and the mean grey
-- level, 0 to 1.
ALTER TABLE image ADD perceptual_hash bigint, ADD brightness real;

-- How well training went on each class, in [0, 1], in order of label. Empty: not known.
ALTER TABLE model ADD class_quality double precision[] NOT NULL DEFAULT '{}';
