-- Within a delivery each state is reached once: a start after anything else begins another delivery, and with arrived it ends.
-- A state lasts until the next one is reached; the last one has no end.
WITH reached AS (
  SELECT start_date, start_us, delivery_key, order_key, deliverer_key, 1 AS delivery_state_key, started_us AS from_us
  FROM final.fact_delivery
  WHERE started_us IS NOT NULL
  UNION ALL
  SELECT start_date, start_us, delivery_key, order_key, deliverer_key, 2, on_the_way_us
  FROM final.fact_delivery
  WHERE on_the_way_us IS NOT NULL
  UNION ALL
  SELECT start_date, start_us, delivery_key, order_key, deliverer_key, 3, arrived_us
  FROM final.fact_delivery
  WHERE arrived_us IS NOT NULL
  UNION ALL
  SELECT start_date, start_us, delivery_key, order_key, deliverer_key, 4, closed_us
  FROM final.fact_delivery
  WHERE closed_us IS NOT NULL
  UNION ALL
  SELECT start_date, start_us, delivery_key, order_key, deliverer_key, 5, cancelled_us
  FROM final.fact_delivery
  WHERE cancelled_us IS NOT NULL
),
lasting AS (
  SELECT
    start_date, delivery_key, order_key, deliverer_key, delivery_state_key, from_us,
    LEAD(from_us) OVER (
      PARTITION BY delivery_key, order_key ORDER BY from_us NULLS LAST, delivery_state_key NULLS LAST) AS until_us,
    CASE WHEN from_us < start_us - start_us % 86400000000 + 86400000000 THEN start_date
      ELSE CAST(start_date + INTERVAL '1' DAY AS DATE) END AS from_date
  FROM reached
)
SELECT
  start_date, delivery_key, order_key, deliverer_key, delivery_state_key,
  YEAR(from_date) * 10000 + MONTH(from_date) * 100 + DAY(from_date) AS date_key,
  CAST((from_us % 86400000000 - from_us % 60000000) / 60000000 AS INTEGER) AS time_key,
  from_us, until_us, (until_us - from_us) / 1e6 AS seconds
FROM lasting
