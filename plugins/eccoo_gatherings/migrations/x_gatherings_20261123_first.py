"""The table of gatherings."""

_INDEX = 'CREATE INDEX "x_gatherings_gathering_by_starts_at" ON "x_gatherings_gathering" ("starts_at")'
_TABLE = """CREATE TABLE "x_gatherings_gathering" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "title" VARCHAR(80) NOT NULL,
  "starts_at" TIMESTAMPTZ NOT NULL,
  "place" VARCHAR(120) NOT NULL,
  "words" TEXT NOT NULL,
  "added_by" VARCHAR(36) NOT NULL,
  "added_at" TIMESTAMPTZ NOT NULL,
  "called_off_at" TIMESTAMPTZ
)"""

STATEMENTS = {"sqlite": [_TABLE, _INDEX], "postgres": [_TABLE, _INDEX]}
