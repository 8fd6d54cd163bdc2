-- Whether the image is given to one person, or was and waits for anybody: the ranking doesn't serve it.
CREATE OR REPLACE FUNCTION is_assigned(the_image bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM task_request
                 WHERE image_id = the_image AND state = 'open' AND kind = 'assigned')
$$;
