-- Promised: the newest command (by position) that says a time; an order that none promises has no is_on_time. A deliverer that
-- is not known, and a date or zone of what did not happen, have the key -1. Made whole: a trip is a small part of its locations.
WITH promises AS (
  SELECT
    order_id, promised_us,
    ROW_NUMBER() OVER (
      PARTITION BY order_id
      ORDER BY journal_epoch DESC NULLS LAST, journal_partition DESC NULLS LAST, journal_offset DESC NULLS LAST) AS nth
  FROM raw.order_command
  WHERE promised_us IS NOT NULL
)
SELECT
  t.trip_key AS delivery_key,
  t.order_id,
  COALESCE(d.deliverer_key, -1) AS deliverer_key,
  YEAR(t.start_date) * 10000 + MONTH(t.start_date) * 100 + DAY(t.start_date) AS start_date_key,
  COALESCE((t.end_latitude_e7 + CAST(900000000 AS BIGINT) - (t.end_latitude_e7 + CAST(900000000 AS BIGINT)) % 200000)
    * 4000000000
    + (t.end_longitude_e7 + CAST(1800000000 AS BIGINT) - (t.end_longitude_e7 + CAST(1800000000 AS BIGINT)) % 200000), -1)
    AS end_zone_key,
  t.start_us,
  t.moving_us,
  t.arrived_us,
  p.promised_us,
  t.arrived_us IS NOT NULL AS is_delivered,
  t.arrived_us <= p.promised_us AS is_on_time,
  t.locations,
  t.metres,
  t.seconds,
  t.moving_s,
  t.stops,
  t.stop_s,
  t.silent_s
FROM treated.trip AS t
LEFT JOIN promises AS p ON t.order_id = p.order_id AND p.nth = 1
LEFT JOIN final.dim_deliverer AS d ON t.deliverer_id = d.deliverer_id AND d.version = 1
