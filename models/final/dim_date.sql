-- Every date that a location's fix is of, and key -1 for none. 1970-01-01 was a Thursday.
SELECT
  date_key, fix_date AS date, year, month, day,
  CASE day_number % 7 WHEN 0 THEN 4 WHEN 1 THEN 5 WHEN 2 THEN 6 WHEN 3 THEN 7 WHEN 4 THEN 1 WHEN 5 THEN 2 ELSE 3 END AS weekday,
  day_number % 7 = 2 OR day_number % 7 = 3 AS is_weekend
FROM (
  SELECT
    YEAR(fix_date) * 10000 + MONTH(fix_date) * 100 + DAY(fix_date) AS date_key,
    fix_date, YEAR(fix_date) AS year, MONTH(fix_date) AS month, DAY(fix_date) AS day,
    MIN((hour_us - hour_us % 86400000000) / 86400000000) AS day_number
  FROM treated.deliverer_hour
  GROUP BY fix_date
) AS dates
UNION ALL
SELECT -1, NULL, NULL, NULL, NULL, NULL, NULL
