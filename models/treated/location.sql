-- Identity: the sender's own id within its scope (its deliverer; its order where none is named) and the fix's date; else what
-- was sent: order, deliverer, fix time, latitude, longitude, state. Of rows with one identity the earliest position stays.
-- The point before: of the same scope, on the same date or the one before, neither zero nor from a wrong clock. At the same
-- time the position decides. A late row changes its own date, and of the next one the first point of its scope.
-- Not known: a distance is null where there is no point before, a speed also where no time lies between.
-- A position as one number, location_key: 10 bits partition, 53 bits offset. A lake takes each offset of a partition once,
-- whichever epoch gave it, so the epoch is left out.
-- Each part reads the raw table by itself, and only the columns that it needs: a part that several read is written down first.
WITH alike AS (
  -- Where something may stand more than once. Few: only these rows are compared field by field.
  SELECT fix_us, latitude_e7, longitude_e7
  FROM raw.deliverer_location
  WHERE client_id IS NULL
  GROUP BY fix_us, latitude_e7, longitude_e7
  HAVING COUNT(*) > 1
),
numbered AS (
  SELECT
    CAST(l.journal_partition AS BIGINT) * 9007199254740992 + l.journal_offset AS location_key,
    ROW_NUMBER() OVER (
      PARTITION BY
        l.fix_us, l.order_id, l.deliverer_id, l.latitude_e7, l.longitude_e7, l.latitude_exact, l.longitude_exact,
        l.delivery_state
      ORDER BY l.journal_partition NULLS LAST, l.journal_offset NULLS LAST
    ) AS nth,
    COUNT(*) OVER (
      PARTITION BY
        l.fix_us, l.order_id, l.deliverer_id, l.latitude_e7, l.longitude_e7, l.latitude_exact, l.longitude_exact,
        l.delivery_state
    ) AS times
  FROM raw.deliverer_location AS l
  JOIN alike AS a ON l.fix_us = a.fix_us AND l.latitude_e7 = a.latitude_e7 AND l.longitude_e7 = a.longitude_e7
  WHERE l.client_id IS NULL
  UNION ALL
  SELECT
    CAST(journal_partition AS BIGINT) * 9007199254740992 + journal_offset AS location_key,
    ROW_NUMBER() OVER (
      PARTITION BY fix_date, deliverer_id, CASE WHEN deliverer_id IS NULL THEN order_id END, client_id
      ORDER BY journal_partition NULLS LAST, journal_offset NULLS LAST
    ) AS nth,
    COUNT(*) OVER (
      PARTITION BY fix_date, deliverer_id, CASE WHEN deliverer_id IS NULL THEN order_id END, client_id
    ) AS times
  FROM raw.deliverer_location
  WHERE client_id IS NOT NULL
),
repeated AS (
  SELECT location_key, nth, times FROM numbered WHERE times > 1
),
once AS (
  SELECT
    s.fix_date, s.fix_us, s.received_us, s.sent_us, s.order_id, s.deliverer_id, s.delivery_state, s.latitude_e7,
    s.longitude_e7, s.latitude, s.longitude, s.cell, s.accuracy_m, s.altitude_m, s.speed_mps, s.heading_deg, s.client_id,
    s.attributes, s.location_key,
    CASE WHEN s.deliverer_id IS NULL THEN s.order_id END AS order_scope,
    COALESCE(r.times, 1) - 1 AS repeats,
    s.latitude_e7 = 0 AND s.longitude_e7 = 0 AS is_zero,
    s.fix_us > s.received_us + 300000000 AS is_clock,
    s.latitude_e7 = 0 AND s.longitude_e7 = 0 OR s.fix_us > s.received_us + 300000000 AS is_off
  FROM (
    SELECT
      fix_date, fix_us, received_us, sent_us, order_id, deliverer_id, delivery_state, latitude_e7, longitude_e7,
      COALESCE(latitude_exact, latitude_e7 / 1e7) AS latitude, COALESCE(longitude_exact, longitude_e7 / 1e7) AS longitude,
      cell, accuracy_m, altitude_m, speed_mps, heading_deg, client_id, attributes,
      CAST(journal_partition AS BIGINT) * 9007199254740992 + journal_offset AS location_key
    FROM raw.deliverer_location
  ) AS s
  LEFT JOIN repeated AS r ON s.location_key = r.location_key
  WHERE COALESCE(r.nth, 1) = 1
),
followed AS (
  SELECT
    fix_date, fix_us, received_us, sent_us, order_id, deliverer_id, delivery_state, latitude_e7, longitude_e7, latitude,
    longitude, cell, accuracy_m, altitude_m, speed_mps, heading_deg, client_id, attributes, location_key, repeats,
    is_zero, is_clock, is_off,
    LAG(fix_us) OVER (
      PARTITION BY deliverer_id, order_scope, is_off ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_us,
    LAG(latitude) OVER (
      PARTITION BY deliverer_id, order_scope, is_off ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_latitude,
    LAG(longitude) OVER (
      PARTITION BY deliverer_id, order_scope, is_off ORDER BY fix_us NULLS LAST, location_key NULLS LAST) AS before_longitude
  FROM once
),
near AS (
  SELECT
    fix_date, fix_us, received_us, sent_us, order_id, deliverer_id, delivery_state, latitude_e7, longitude_e7, latitude,
    longitude, cell, accuracy_m, altitude_m, speed_mps, heading_deg, client_id, attributes, location_key, repeats,
    is_zero, is_clock, before_us, before_latitude, before_longitude,
    NOT is_off AND before_us >= fix_us - fix_us % 86400000000 - 86400000000 AS is_near
  FROM followed
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
  FROM near
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
