-- An hour, a zone, a deliverer: what was driven in it, and the deliveries that ended in it. A delivery counts where and when it
-- was delivered, also where no other location is of that hour, zone and deliverer. on_time_share is of those with a promise;
-- null: none. Late rows: a delivery changes the date on which it was delivered.
WITH worked AS (
  SELECT
    h.fix_date AS work_date, h.hour_us, h.zone_key, COALESCE(d.deliverer_key, -1) AS deliverer_key, h.locations, h.metres,
    h.heard_s, h.silent_s, h.delay_s_sum, h.delay_s_max, 0 AS deliveries, 0 AS promised, 0 AS on_time
  FROM treated.deliverer_hour AS h
  LEFT JOIN final.dim_deliverer AS d ON h.deliverer_id = d.deliverer_id AND d.version = 1
  UNION ALL
  SELECT
    delivered_date, delivered_us - delivered_us % 3600000000, end_zone_key, deliverer_key, 0, 0.0, 0.0, 0.0, 0.0, NULL, 1,
    CASE WHEN promised_us IS NULL THEN 0 ELSE 1 END, CASE WHEN is_on_time THEN 1 ELSE 0 END
  FROM final.fact_delivery
  WHERE is_delivered
)
SELECT
  work_date,
  hour_us,
  YEAR(work_date) * 10000 + MONTH(work_date) * 100 + DAY(work_date) AS date_key,
  CAST((hour_us % 86400000000) / 60000000 AS INTEGER) AS time_key,
  zone_key,
  deliverer_key,
  CAST(SUM(locations) AS BIGINT) AS locations,
  CAST(SUM(deliveries) AS BIGINT) AS deliveries,
  SUM(metres) / 1000 AS kilometres,
  SUM(heard_s) / 60 AS minutes,
  SUM(silent_s) / 60 AS silent_minutes,
  SUM(on_time) / NULLIF(SUM(promised), 0) AS on_time_share,
  SUM(delay_s_sum) / NULLIF(SUM(locations), 0) AS freshness_s,
  MAX(delay_s_max) AS freshness_s_max
FROM worked
GROUP BY work_date, hour_us, zone_key, deliverer_key
