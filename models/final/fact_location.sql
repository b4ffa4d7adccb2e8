-- Keys are of the dimensions; -1: not known. A deliverer's and an order's key is of when they were first heard of, so a late row
-- changes none. The order is the one that the location names; else of those that its deliverer had then (treated.assignment)
-- the one assigned last (ties: the lower id); which others it belongs to follows from treated.assignment.
WITH bound AS (
  SELECT
    l.location_key, a.order_id,
    ROW_NUMBER() OVER (
      PARTITION BY l.location_key ORDER BY a.from_us DESC NULLS LAST, a.order_id NULLS LAST) AS nth
  FROM treated.location AS l
  JOIN treated.assignment AS a ON l.fix_date = a.fix_date AND l.deliverer_id = a.deliverer_id
  WHERE l.order_id IS NULL AND l.fix_us >= a.from_us AND (a.to_us IS NULL OR l.fix_us < a.to_us)
),
placed AS (
  SELECT
    l.fix_date, l.location_key, l.fix_us, l.received_us, l.deliverer_id, l.delivery_state, l.latitude_e7, l.longitude_e7,
    COALESCE(l.order_id, b.order_id) AS order_id, l.distance_m, l.since_s
  FROM treated.location AS l
  LEFT JOIN bound AS b ON l.location_key = b.location_key AND b.nth = 1
)
SELECT
  l.fix_date,
  l.location_key,
  YEAR(l.fix_date) * 10000 + MONTH(l.fix_date) * 100 + DAY(l.fix_date) AS date_key,
  CAST(((l.fix_us % 86400000000 + 86400000000) % 86400000000 - (l.fix_us % 60000000 + 60000000) % 60000000) / 60000000 AS INTEGER)
    AS time_key,
  COALESCE(d.deliverer_key, -1) AS deliverer_key,
  COALESCE(o.order_key, -1) AS order_key,
  CASE l.delivery_state WHEN 'start' THEN 1 WHEN 'on_the_way' THEN 2 WHEN 'arrived' THEN 3 ELSE -1 END AS delivery_state_key,
  (l.latitude_e7 + CAST(900000000 AS BIGINT) - (l.latitude_e7 + CAST(900000000 AS BIGINT)) % 200000) * 4000000000
    + (l.longitude_e7 + CAST(1800000000 AS BIGINT) - (l.longitude_e7 + CAST(1800000000 AS BIGINT)) % 200000) AS zone_key,
  l.order_id,
  l.fix_us,
  l.distance_m,
  l.since_s,
  (l.received_us - l.fix_us) / 1e6 AS delay_s
FROM placed AS l
LEFT JOIN final.dim_deliverer AS d ON l.deliverer_id = d.deliverer_id AND d.version = 1
LEFT JOIN final.dim_order AS o ON l.order_id = o.order_id
