-- order_key is the order's for good: the position at which it was first heard of, by a command or by a location that names it.
-- A later position is never the first. What commands say of it is what the newest of them left of it (treated.ordered); an
-- order that only locations name has none of it. The unknown member is -1.
WITH heard AS (
  SELECT order_id, MIN(first_location_key) AS first_key FROM treated.order_date GROUP BY order_id
  UNION ALL
  SELECT order_id, first_command_key FROM treated.ordered
),
keyed AS (
  SELECT order_id, MIN(first_key) AS order_key FROM heard GROUP BY order_id
)
SELECT
  k.order_key, k.order_id, o.created_us, o.deliverer_id, o.promised_us, o.sequence, o.destination_latitude,
  o.destination_longitude, o.destination_address, o.closed_us, o.cancelled_us
FROM keyed AS k
LEFT JOIN treated.ordered AS o ON k.order_id = o.order_id
UNION ALL
SELECT -1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
