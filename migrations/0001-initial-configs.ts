import type { Names } from './migration-script.js';

/**
 * Run-time configuration. The revision is drawn while the row is locked, so it grows with each change of a key. An
 * INSERT draws before it has the key, which it may wait for, and others may write and delete a row of that key
 * meanwhile: once it has it, it draws again if anybody has drawn since.
 */
export const configs = ({ schema, schemaLiteral, channels }: Names): string => `
CREATE SEQUENCE ${schema}.job_configs_revision AS bigint MAXVALUE 9007199254740991;
CREATE TABLE ${schema}.job_configs (
  key text NOT NULL,
  value text NOT NULL,
  revision bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
  CONSTRAINT job_configs_pkey PRIMARY KEY (key),
  CONSTRAINT job_configs_key_check CHECK (octet_length(key) BETWEEN 1 AND 200),
  CONSTRAINT job_configs_value_check CHECK (value ~ '[^[:space:]]')
);
ALTER SEQUENCE ${schema}.job_configs_revision OWNED BY ${schema}.job_configs.revision;

CREATE OR REPLACE FUNCTION ${schema}.job_configs_revise() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_WHEN = 'AFTER' THEN
    UPDATE ${schema}.job_configs SET value = value
    WHERE key = NEW.key AND revision < (SELECT last_value FROM ${schema}.job_configs_revision);
    RETURN NULL;
  END IF;
  NEW.revision := nextval(format('%I.job_configs_revision', ${schemaLiteral})::regclass);
  NEW.updated_at := statement_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER job_configs_revise BEFORE INSERT OR UPDATE ON ${schema}.job_configs
  FOR EACH ROW EXECUTE FUNCTION ${schema}.job_configs_revise();
CREATE TRIGGER job_configs_revise_again AFTER INSERT OR UPDATE OF key ON ${schema}.job_configs
  FOR EACH ROW EXECUTE FUNCTION ${schema}.job_configs_revise();

CREATE OR REPLACE FUNCTION ${schema}.job_configs_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    PERFORM pg_notify(${channels.configs}, '');
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM pg_notify(${channels.configs}, OLD.key);
  ELSE
    PERFORM pg_notify(${channels.configs}, NEW.key);
    IF TG_OP = 'UPDATE' AND OLD.key <> NEW.key THEN
      PERFORM pg_notify(${channels.configs}, OLD.key);
    END IF;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER job_configs_changed AFTER INSERT OR UPDATE OR DELETE ON ${schema}.job_configs
  FOR EACH ROW EXECUTE FUNCTION ${schema}.job_configs_changed();
CREATE TRIGGER job_configs_truncated AFTER TRUNCATE ON ${schema}.job_configs
  FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.job_configs_changed();
`;
