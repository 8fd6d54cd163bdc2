-- Makes the group `loupe_reader`, which reads the views of the schema provenance and nothing else. For psql,
-- as the owner of the tables, who needs the right CREATEROLE, unless the group is there already.
-- It may be run again. Views that later releases add are readable, too.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'loupe_reader') THEN
    CREATE ROLE loupe_reader NOLOGIN;
  END IF;
END $$;
GRANT USAGE ON SCHEMA provenance TO loupe_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA provenance TO loupe_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA provenance GRANT SELECT ON TABLES TO loupe_reader;
