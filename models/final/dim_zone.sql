-- The key says where the zone is (treated.deliverer_hour), so it never changes. Key -1: not known.
WITH zones AS (
  SELECT zone_key, zone_key % 4000000000 AS east_e7, (zone_key - zone_key % 4000000000) / 4000000000 AS north_e7
  FROM treated.deliverer_hour
  GROUP BY zone_key
)
SELECT
  zone_key, north_e7 / 1e7 - 90 AS south, east_e7 / 1e7 - 180 AS west, (north_e7 + 200000) / 1e7 - 90 AS north,
  (east_e7 + 200000) / 1e7 - 180 AS east
FROM zones
UNION ALL
SELECT -1, NULL, NULL, NULL, NULL
