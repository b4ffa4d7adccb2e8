-- Every date that a location's fix is of, the one after it, on which what began may have ended, and key -1 for none. 1970-01-01
-- was a Thursday.
WITH day AS (
  SELECT fix_date AS date, (hour_us - hour_us % 86400000000) / 86400000000 AS day_number
  FROM treated.deliverer_hour
  UNION ALL
  SELECT CAST(fix_date + INTERVAL '1' DAY AS DATE), (hour_us - hour_us % 86400000000) / 86400000000 + 1
  FROM treated.deliverer_hour
)
SELECT
  date_key, date, year, month, day,
  CASE day_number % 7 WHEN 0 THEN 4 WHEN 1 THEN 5 WHEN 2 THEN 6 WHEN 3 THEN 7 WHEN 4 THEN 1 WHEN 5 THEN 2 ELSE 3 END AS weekday,
  day_number % 7 = 2 OR day_number % 7 = 3 AS is_weekend
FROM (
  SELECT
    YEAR(date) * 10000 + MONTH(date) * 100 + DAY(date) AS date_key,
    date, YEAR(date) AS year, MONTH(date) AS month, DAY(date) AS day, MIN(day_number) AS day_number
  FROM day
  GROUP BY date
) AS dates
UNION ALL
SELECT -1, NULL, NULL, NULL, NULL, NULL, NULL
