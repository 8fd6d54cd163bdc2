-- Samples of a pool by key, and what a model's predictions can't be used of, are found without reading all of it.

CREATE INDEX image_pool_sample ON image (project_id, sampling_key, id) WHERE side = 'pool';
CREATE INDEX prediction_set_aside ON prediction (model_id, image_id) WHERE set_aside IS NOT NULL;
