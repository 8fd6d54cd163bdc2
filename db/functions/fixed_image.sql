-- The side and the bytes of an image never change.
CREATE OR REPLACE FUNCTION refuse_image_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.project_id, NEW.sha256, NEW.side, NEW.sampling_key)
     IS DISTINCT FROM (OLD.id, OLD.project_id, OLD.sha256, OLD.side, OLD.sampling_key) THEN
    RAISE EXCEPTION 'the content and the side of image % are fixed', OLD.id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER image_fixed BEFORE UPDATE ON image
  FOR EACH ROW EXECUTE FUNCTION refuse_image_change();
