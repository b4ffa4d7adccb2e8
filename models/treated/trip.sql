-- A trip: the locations of an order, without zeros and wrong clocks, by fix time (then position), from one that begins it up to
-- the first that says arrived. An order has the locations that name it, and those that name none of the deliverers who had it
-- then (treated.assignment); these say nothing of its state. It begins where a start comes after anything else, where the order was not heard of
-- for a whole date, and with the order's first location of all. What comes after arrived and is no start belongs to no trip. A
-- location without a state counts as on the way. It belongs to the date it began on and has what the next one has of it.
-- Late rows: a row, or another assignment for it, changes the trips of its own date, of the one before, and of the next.
-- Ties: of two deliverers in one trip the one of its last location; of two last locations the later position.
-- A stop: standing (below 0.5 m/s between two locations) for a minute or more. Silent: more than two minutes between two.
WITH of_order AS (
  SELECT
    order_id, deliverer_id, COALESCE(delivery_state, 'on_the_way') AS state, fix_date, fix_us, location_key, latitude,
    longitude, latitude_e7, longitude_e7
  FROM treated.location
  WHERE order_id IS NOT NULL AND NOT is_zero AND NOT is_clock
  UNION ALL
  SELECT
    a.order_id, l.deliverer_id, 'on_the_way', l.fix_date, l.fix_us, l.location_key, l.latitude, l.longitude, l.latitude_e7,
    l.longitude_e7
  FROM treated.location AS l
  JOIN treated.assignment AS a ON l.fix_date = a.fix_date AND l.deliverer_id = a.deliverer_id
  WHERE l.order_id IS NULL AND NOT l.is_zero AND NOT l.is_clock
    AND l.fix_us >= a.from_us AND (a.to_us IS NULL OR l.fix_us < a.to_us)
),
heard AS (
  SELECT
    order_id, deliverer_id, state, fix_date, fix_us, location_key, latitude, longitude, latitude_e7, longitude_e7,
    LAG(fix_us) OVER (PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_us,
    LAG(state) OVER (PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_state,
    LAG(latitude) OVER (PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_latitude,
    LAG(longitude) OVER (PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_longitude
  FROM of_order
),
begun AS (
  SELECT
    order_id, deliverer_id, state, fix_date, fix_us, location_key, latitude_e7, longitude_e7, before_state,
    before_us IS NULL OR before_us < fix_us - fix_us % 86400000000 - 86400000000 AS is_new,
    before_us IS NULL OR before_us < fix_us - fix_us % 86400000000 - 86400000000 OR before_state = 'arrived'
      OR state = 'start' AND before_state <> 'start' AS begins,
    (fix_us - before_us) / 1e6 AS since_s,
    2 * 6371008.8 * ASIN(SQRT(LEAST(1.0,
      POWER(SIN(RADIANS(latitude - before_latitude) / 2), 2)
      + COS(RADIANS(before_latitude)) * COS(RADIANS(latitude))
        * POWER(SIN(RADIANS(longitude - before_longitude) / 2), 2)))) AS distance_m
  FROM heard
),
stepped AS (
  SELECT
    order_id, deliverer_id, state, fix_date, fix_us, location_key, latitude_e7, longitude_e7, begins,
    begins AND NOT is_new AND before_state = 'arrived' AND state <> 'start' AS is_after,
    CASE WHEN NOT begins THEN since_s END AS since_s,
    CASE WHEN NOT begins THEN distance_m END AS distance_m,
    NOT begins AND distance_m > 42 * GREATEST(since_s, 1.0) AS is_jump,
    NOT begins AND distance_m < 0.5 * since_s AS stands
  FROM begun
),
placed AS (
  SELECT
    order_id, deliverer_id, state, fix_date, fix_us, location_key, latitude_e7, longitude_e7, begins, is_after, since_s,
    distance_m, is_jump, stands,
    SUM(CASE WHEN begins THEN 1 ELSE 0 END) OVER (
      PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth,
    MAX(CASE WHEN begins THEN fix_us END) OVER (
      PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS begin_us,
    MAX(CASE WHEN NOT stands THEN fix_us END) OVER (
      PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stood_from_us,
    LEAD(CASE WHEN stands THEN 1 ELSE 0 END) OVER (PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS stands_on,
    LEAD(CASE WHEN begins THEN 1 ELSE 0 END) OVER (PARTITION BY order_id ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS is_followed
  FROM stepped
)
SELECT
  MIN(fix_date) AS start_date,
  MAX(CASE WHEN begins THEN location_key END) AS trip_key,
  order_id,
  COALESCE(MAX(CASE WHEN COALESCE(is_followed, 1) = 1 THEN deliverer_id END), MAX(deliverer_id)) AS deliverer_id,
  MIN(fix_us) AS start_us,
  MIN(CASE WHEN state = 'start' THEN fix_us END) AS started_us,
  MIN(CASE WHEN NOT begins AND NOT stands THEN fix_us END) AS moving_us,
  MIN(CASE WHEN state = 'on_the_way' THEN fix_us END) AS on_the_way_us,
  MIN(CASE WHEN state = 'arrived' THEN fix_us END) AS arrived_us,
  MAX(fix_us) AS end_us,
  MAX(CASE WHEN begins THEN latitude_e7 END) AS start_latitude_e7,
  MAX(CASE WHEN begins THEN longitude_e7 END) AS start_longitude_e7,
  MAX(CASE WHEN COALESCE(is_followed, 1) = 1 THEN latitude_e7 END) AS end_latitude_e7,
  MAX(CASE WHEN COALESCE(is_followed, 1) = 1 THEN longitude_e7 END) AS end_longitude_e7,
  COUNT(*) AS locations,
  CAST(SUM(CASE WHEN is_jump THEN 1 ELSE 0 END) AS BIGINT) AS jumps,
  COALESCE(SUM(CASE WHEN NOT is_jump THEN distance_m END), 0.0) AS metres,
  (MAX(fix_us) - MIN(fix_us)) / 1e6 AS seconds,
  COALESCE(SUM(CASE WHEN NOT stands THEN since_s END), 0.0) AS moving_s,
  CAST(SUM(CASE WHEN stands AND COALESCE(stands_on, 0) = 0 AND fix_us - stood_from_us >= 60000000 THEN 1 ELSE 0 END) AS BIGINT)
    AS stops,
  SUM(CASE WHEN stands AND COALESCE(stands_on, 0) = 0 AND fix_us - stood_from_us >= 60000000
    THEN (fix_us - stood_from_us) / 1e6 ELSE 0.0 END) AS stop_s,
  SUM(CASE WHEN since_s > 120 THEN since_s ELSE 0.0 END) AS silent_s
FROM placed
WHERE fix_us < begin_us - begin_us % 86400000000 + 172800000000
GROUP BY order_id, nth
HAVING MAX(CASE WHEN is_after THEN 1 ELSE 0 END) = 0
