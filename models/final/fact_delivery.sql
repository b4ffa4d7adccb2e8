-- What is not known has the key -1. Delivered: a location says arrived, or else a command closes it. A close or a cancellation
-- belongs to the delivery that was under way then: from its beginning to the next one's of the order, on its date or the one
-- after. What is promised is what the newest command left; an order that none promises has no is_on_time.
-- Late rows: a trip changes the deliveries of its own date and of the one before, a command those of its order.
WITH followed AS (
  SELECT
    trip_key, order_id, deliverer_id, start_date, start_us, started_us, moving_us, on_the_way_us, arrived_us, end_latitude_e7,
    end_longitude_e7, locations, metres, seconds, moving_s, stops, stop_s, silent_s,
    start_us - start_us % 86400000000 + 86400000000 AS next_day_us,
    LEAD(start_us) OVER (PARTITION BY order_id ORDER BY start_us NULLS LAST, trip_key NULLS LAST) AS next_us
  FROM treated.trip
),
told AS (
  SELECT
    t.trip_key, t.order_id, t.deliverer_id, t.start_date, t.start_us, t.started_us, t.moving_us, t.on_the_way_us, t.arrived_us,
    t.end_latitude_e7, t.end_longitude_e7, t.locations, t.metres, t.seconds, t.moving_s, t.stops, t.stop_s, t.silent_s,
    t.next_day_us, o.promised_us,
    CASE WHEN o.closed_us >= t.start_us AND o.closed_us < t.next_day_us + 86400000000
      AND (t.next_us IS NULL OR o.closed_us < t.next_us) THEN o.closed_us END AS closed_us,
    CASE WHEN o.cancelled_us >= t.start_us AND o.cancelled_us < t.next_day_us + 86400000000
      AND (t.next_us IS NULL OR o.cancelled_us < t.next_us) THEN o.cancelled_us END AS cancelled_us
  FROM followed AS t
  LEFT JOIN treated.ordered AS o ON t.order_id = o.order_id
),
ended AS (
  SELECT
    trip_key, order_id, deliverer_id, start_date, start_us, started_us, moving_us, on_the_way_us, arrived_us, end_latitude_e7,
    end_longitude_e7, locations, metres, seconds, moving_s, stops, stop_s, silent_s, promised_us, closed_us,
    cancelled_us, COALESCE(arrived_us, closed_us) AS delivered_us,
    CASE WHEN COALESCE(arrived_us, closed_us) < next_day_us THEN start_date
      WHEN COALESCE(arrived_us, closed_us) >= next_day_us THEN CAST(start_date + INTERVAL '1' DAY AS DATE) END AS delivered_date
  FROM told
)
SELECT
  t.start_date,
  t.trip_key AS delivery_key,
  COALESCE(o.order_key, -1) AS order_key,
  t.order_id,
  COALESCE(d.deliverer_key, -1) AS deliverer_key,
  YEAR(t.start_date) * 10000 + MONTH(t.start_date) * 100 + DAY(t.start_date) AS start_date_key,
  CAST((t.start_us % 86400000000 - t.start_us % 60000000) / 60000000 AS INTEGER) AS start_time_key,
  COALESCE(YEAR(t.delivered_date) * 10000 + MONTH(t.delivered_date) * 100 + DAY(t.delivered_date), -1) AS delivered_date_key,
  COALESCE(CAST((t.delivered_us % 86400000000 - t.delivered_us % 60000000) / 60000000 AS INTEGER), -1) AS delivered_time_key,
  COALESCE((t.end_latitude_e7 + CAST(900000000 AS BIGINT) - (t.end_latitude_e7 + CAST(900000000 AS BIGINT)) % 200000)
    * 4000000000
    + (t.end_longitude_e7 + CAST(1800000000 AS BIGINT) - (t.end_longitude_e7 + CAST(1800000000 AS BIGINT)) % 200000), -1)
    AS end_zone_key,
  t.start_us,
  t.started_us,
  t.moving_us,
  t.on_the_way_us,
  t.arrived_us,
  t.closed_us,
  t.cancelled_us,
  t.delivered_us,
  t.delivered_date,
  t.promised_us,
  t.delivered_us IS NOT NULL AS is_delivered,
  t.delivered_us <= t.promised_us AS is_on_time,
  t.locations,
  t.metres,
  t.seconds,
  t.moving_s,
  t.stops,
  t.stop_s,
  t.silent_s
FROM ended AS t
LEFT JOIN final.dim_deliverer AS d ON t.deliverer_id = d.deliverer_id AND d.version = 1
LEFT JOIN final.dim_order AS o ON t.order_id = o.order_id
