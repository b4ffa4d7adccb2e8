-- What locations name an order, by date: how dim_order learns of orders that no command speaks of. Late rows: as those of
-- treated.location.
SELECT
  fix_date, order_id, MIN(location_key) AS first_location_key, COUNT(*) AS locations
FROM treated.location
WHERE order_id IS NOT NULL
GROUP BY fix_date, order_id
