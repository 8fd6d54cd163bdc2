-- The numbers in the fields of a protobuf message, without those of inner messages: integers, enumerations,
-- booleans and doubles. A field that holds its default has no row. For the views of the schema provenance.
-- Source: https://protobuf.dev/programming-guides/encoding
CREATE OR REPLACE FUNCTION provenance.message_numbers(message bytea)
RETURNS TABLE (field int, value double precision) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  place int := 0;
  number numeric;
  factor numeric;
  wire int;
  bits bigint;
  exponent int;
BEGIN
  WHILE place < length(message) LOOP
    -- A varint, twice: the field with its wire type, then its value or its length.
    FOR part IN 1..2 LOOP
      number := 0;
      factor := 1;
      LOOP
        number := number + (get_byte(message, place) & 127) * factor;
        factor := factor * 128;
        place := place + 1;
        EXIT WHEN get_byte(message, place - 1) < 128;
      END LOOP;
      EXIT WHEN part = 2;
      wire := number::int & 7;
      field := number::int >> 3;
      EXIT WHEN wire NOT IN (0, 2);
    END LOOP;
    CASE wire
      WHEN 0 THEN
        value := number;
        RETURN NEXT;
      WHEN 1 THEN
        bits := 0;
        FOR byte IN REVERSE 7..0 LOOP
          bits := bits << 8 | get_byte(message, place + byte);
        END LOOP;
        exponent := (bits >> 52)::int & 2047;
        IF exponent BETWEEN 1 AND 2046 THEN  -- neither infinite nor too small to matter
          value := sign(bits::numeric)::float8 * (bits & 4503599627370495 | 4503599627370496)::float8
                   * power(2::float8, exponent - 1075);
          RETURN NEXT;
        END IF;
        place := place + 8;
      WHEN 2 THEN place := place + number::int;
      WHEN 5 THEN place := place + 4;
    END CASE;
  END LOOP;
END $$;
