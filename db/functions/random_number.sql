-- A number of 60 random bits, from the system's source of randomness. Sequences stay far below.
CREATE OR REPLACE FUNCTION random_number() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT ('x' || right(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint | (1::bigint << 59)
$$;
