-- Identity: the sender's own id within its scope (its deliverer; its order where none is named) and the fix's date; else what
-- was sent: order, deliverer, fix time, latitude, longitude, state. Of rows with one identity the earliest position stays.
-- The point before: of the same scope, on the same date or the one before, neither zero nor from a wrong clock. At the same
-- time the position decides. A late row changes its own date, and of the next one the first point of its scope.
-- Not known: a distance is null where there is no point before, a speed also where no time lies between.
WITH sent AS (
  SELECT
    fix_date, fix_us, received_us, sent_us, order_id, deliverer_id, delivery_state, latitude_e7, longitude_e7,
    COALESCE(latitude_exact, latitude_e7 / 1e7) AS latitude, COALESCE(longitude_exact, longitude_e7 / 1e7) AS longitude,
    cell, accuracy_m, altitude_m, speed_mps, heading_deg, client_id, attributes,
    -- A position as one number: 10 bits partition, 53 bits offset. A lake takes each offset of a partition once, whichever
    -- epoch gave it, so the epoch is left out.
    CAST(journal_partition AS BIGINT) * 9007199254740992 + journal_offset AS location_key,
    CASE WHEN deliverer_id IS NULL THEN CONCAT('o', order_id) ELSE CONCAT('d', deliverer_id) END AS scope,
    COALESCE(client_id, '') AS own_id,
    CASE WHEN client_id IS NULL THEN fix_us ELSE 0 END AS moment
  FROM raw.deliverer_location
),
-- Where something may stand more than once. Few: only these rows are compared field by field.
crowded AS (
  SELECT fix_date, scope, own_id, moment
  FROM sent
  GROUP BY fix_date, scope, own_id, moment
  HAVING COUNT(*) > 1
),
compared AS (
  SELECT
    s.location_key,
    ROW_NUMBER() OVER (
      PARTITION BY
        s.fix_date, s.scope, s.own_id, s.moment,
        CASE WHEN s.client_id IS NULL THEN s.order_id END,
        CASE WHEN s.client_id IS NULL THEN s.latitude END,
        CASE WHEN s.client_id IS NULL THEN s.longitude END,
        CASE WHEN s.client_id IS NULL THEN s.delivery_state END
      ORDER BY s.location_key NULLS LAST
    ) AS nth,
    COUNT(*) OVER (
      PARTITION BY
        s.fix_date, s.scope, s.own_id, s.moment,
        CASE WHEN s.client_id IS NULL THEN s.order_id END,
        CASE WHEN s.client_id IS NULL THEN s.latitude END,
        CASE WHEN s.client_id IS NULL THEN s.longitude END,
        CASE WHEN s.client_id IS NULL THEN s.delivery_state END
    ) AS times
  FROM sent AS s
  JOIN crowded AS c
    ON s.fix_date = c.fix_date AND s.scope = c.scope AND s.own_id = c.own_id AND s.moment = c.moment
),
once AS (
  SELECT
    s.fix_date, s.fix_us, s.received_us, s.sent_us, s.order_id, s.deliverer_id, s.delivery_state, s.latitude_e7,
    s.longitude_e7, s.latitude, s.longitude, s.cell, s.accuracy_m, s.altitude_m, s.speed_mps, s.heading_deg, s.client_id,
    s.attributes, s.location_key, s.scope,
    COALESCE(c.times, 1) - 1 AS repeats,
    s.latitude_e7 = 0 AND s.longitude_e7 = 0 AS is_zero,
    s.fix_us > s.received_us + 300000000 AS is_clock
  FROM sent AS s
  LEFT JOIN compared AS c ON s.location_key = c.location_key
  WHERE COALESCE(c.nth, 1) = 1
),
followed AS (
  SELECT
    fix_date, fix_us, received_us, sent_us, order_id, deliverer_id, delivery_state, latitude_e7, longitude_e7, latitude,
    longitude, cell, accuracy_m, altitude_m, speed_mps, heading_deg, client_id, attributes, location_key, repeats,
    is_zero, is_clock, is_zero OR is_clock AS is_off,
    LAG(fix_us) OVER (PARTITION BY scope, is_zero OR is_clock ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_us,
    LAG(latitude) OVER (PARTITION BY scope, is_zero OR is_clock ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_latitude,
    LAG(longitude) OVER (PARTITION BY scope, is_zero OR is_clock ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_longitude
  FROM once
),
measured AS (
  SELECT
    fix_date, fix_us, received_us, sent_us, order_id, deliverer_id, delivery_state, latitude_e7, longitude_e7, latitude,
    longitude, cell, accuracy_m, altitude_m, speed_mps, heading_deg, client_id, attributes, location_key, repeats,
    is_zero, is_clock,
    CASE WHEN is_near THEN fix_us - before_us END AS since_us,
    CASE WHEN is_near THEN
      2 * 6371008.8 * ASIN(SQRT(LEAST(1.0,
        POWER(SIN(RADIANS(latitude - before_latitude) / 2), 2)
        + COS(RADIANS(before_latitude)) * COS(RADIANS(latitude))
          * POWER(SIN(RADIANS(longitude - before_longitude) / 2), 2))))
    END AS distance_m
  FROM (
    SELECT
      fix_date, fix_us, received_us, sent_us, order_id, deliverer_id, delivery_state, latitude_e7, longitude_e7, latitude,
      longitude, cell, accuracy_m, altitude_m, speed_mps, heading_deg, client_id, attributes, location_key, repeats,
      is_zero, is_clock, before_us, before_latitude, before_longitude,
      NOT is_off AND before_us >= fix_us - fix_us % 86400000000 - 86400000000 AS is_near
    FROM followed
  ) AS near
)
SELECT
  fix_date,
  location_key,
  fix_us,
  received_us,
  sent_us,
  order_id,
  deliverer_id,
  delivery_state,
  latitude,
  longitude,
  latitude_e7,
  longitude_e7,
  cell,
  accuracy_m,
  altitude_m,
  speed_mps AS device_speed_mps,
  heading_deg,
  since_us / 1e6 AS since_s,
  distance_m,
  CASE WHEN since_us > 0 THEN distance_m / (since_us / 1e6) END AS speed_mps,
  repeats,
  repeats > 0 AS is_repeated,
  is_zero,
  is_clock,
  COALESCE(accuracy_m > 100, FALSE) AS is_low_accuracy,
  -- Faster than 42 m/s (150 km/h); within a second further than 42 m.
  COALESCE(distance_m > 42 * GREATEST(since_us / 1e6, 1.0), FALSE) AS is_jump,
  client_id,
  attributes
FROM measured
