-- Whether a worker was heard of in the last minute. A time to come is from before the clock was turned back.
CREATE OR REPLACE FUNCTION is_here(the_worker worker) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT the_worker.last_heard BETWEEN now() - interval '1 minute' AND now() + interval '1 second'
$$;
