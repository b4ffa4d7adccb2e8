-- A location without a deliverer has the deliverer '' here. A step counts for the hour and the zone that it ends in. Zeros and
-- wrong clocks are counted as locations only of the hour of their fix. Late rows: as those of treated.location.
-- A zone is a square of 0.02 degrees, named by its south-west corner: (latitude + 90) x 10^7 times 4 x 10^9, plus
-- (longitude + 180) x 10^7.
WITH placed AS (
  SELECT
    fix_date, COALESCE(deliverer_id, '') AS deliverer_id, fix_us, received_us, location_key, distance_m, since_s, is_jump,
    (fix_us - fix_us % 3600000000) AS hour_us,
    (latitude_e7 + CAST(900000000 AS BIGINT) - (latitude_e7 + CAST(900000000 AS BIGINT)) % 200000) * 4000000000
      + (longitude_e7 + CAST(1800000000 AS BIGINT) - (longitude_e7 + CAST(1800000000 AS BIGINT)) % 200000) AS zone_key
  FROM treated.location
)
SELECT
  fix_date,
  hour_us,
  zone_key,
  deliverer_id,
  MIN(location_key) AS first_location_key,
  COUNT(*) AS locations,
  COALESCE(SUM(CASE WHEN NOT is_jump THEN distance_m END), 0.0) AS metres,
  COALESCE(SUM(CASE WHEN since_s <= 120 THEN since_s END), 0.0) AS heard_s,
  COALESCE(SUM(CASE WHEN since_s > 120 AND since_s <= 3600 THEN since_s END), 0.0) AS silent_s,
  SUM((received_us - fix_us) / 1e6) AS delay_s_sum,
  MAX((received_us - fix_us) / 1e6) AS delay_s_max
FROM placed
GROUP BY fix_date, hour_us, zone_key, deliverer_id
