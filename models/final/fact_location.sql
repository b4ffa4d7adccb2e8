-- Keys are of the dimensions; -1: not known. A deliverer's key is of its first location of all, so a late row changes none.
SELECT
  l.fix_date,
  l.location_key,
  YEAR(l.fix_date) * 10000 + MONTH(l.fix_date) * 100 + DAY(l.fix_date) AS date_key,
  l.fix_us % 86400000000 - l.fix_us % 60000000 AS minute_us,
  COALESCE(d.deliverer_key, -1) AS deliverer_key,
  CASE l.delivery_state WHEN 'start' THEN 1 WHEN 'on_the_way' THEN 2 WHEN 'arrived' THEN 3 ELSE -1 END AS delivery_state_key,
  (l.latitude_e7 + CAST(900000000 AS BIGINT) - (l.latitude_e7 + CAST(900000000 AS BIGINT)) % 200000) * 4000000000
    + (l.longitude_e7 + CAST(1800000000 AS BIGINT) - (l.longitude_e7 + CAST(1800000000 AS BIGINT)) % 200000) AS zone_key,
  l.order_id,
  l.fix_us,
  l.distance_m,
  l.since_s,
  (l.received_us - l.fix_us) / 1e6 AS delay_s
FROM treated.location AS l
LEFT JOIN final.dim_deliverer AS d ON l.deliverer_id = d.deliverer_id AND d.version = 1
