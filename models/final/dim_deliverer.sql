-- Slowly changing, type 2: a version for each run of months with the same home zone, the zone with most of the month's locations
-- (ties: the lower key). deliverer_key is the deliverer's for good, the key of its first location: facts have it, and
-- with valid_from <= date < valid_before it finds the version. A late row may change the versions from its month on, never
-- a deliverer_key: a later position is never the first. The unknown member is -1.
WITH months AS (
  SELECT
    deliverer_id, zone_key, YEAR(fix_date) * 12 + MONTH(fix_date) AS month_number, MIN(fix_date) AS first_date,
    MIN(first_location_key) AS first_location_key, SUM(locations) AS locations
  FROM treated.deliverer_hour
  WHERE deliverer_id <> ''
  GROUP BY deliverer_id, zone_key, YEAR(fix_date) * 12 + MONTH(fix_date)
),
ranked AS (
  SELECT
    deliverer_id, zone_key, month_number,
    MIN(first_date) OVER (PARTITION BY deliverer_id, month_number) AS first_date,
    MIN(first_location_key) OVER (PARTITION BY deliverer_id) AS deliverer_key,
    ROW_NUMBER() OVER (
      PARTITION BY deliverer_id, month_number ORDER BY locations DESC NULLS LAST, zone_key NULLS LAST) AS nth
  FROM months
),
homes AS (
  SELECT
    deliverer_id, deliverer_key, zone_key, month_number, first_date,
    LAG(zone_key) OVER (PARTITION BY deliverer_id ORDER BY month_number NULLS LAST) AS before_zone_key
  FROM ranked
  WHERE nth = 1
),
versions AS (
  SELECT
    deliverer_id, deliverer_key, zone_key, first_date,
    ROW_NUMBER() OVER (PARTITION BY deliverer_id ORDER BY month_number NULLS LAST) AS version,
    LEAD(first_date) OVER (PARTITION BY deliverer_id ORDER BY month_number NULLS LAST) AS next_date
  FROM homes
  WHERE before_zone_key IS NULL OR before_zone_key <> zone_key
)
SELECT
  deliverer_key, version, deliverer_id, zone_key AS home_zone_key, first_date AS valid_from, next_date AS valid_before,
  next_date IS NULL AS is_current
FROM versions
UNION ALL
SELECT -1, 1, NULL, -1, NULL, NULL, TRUE
