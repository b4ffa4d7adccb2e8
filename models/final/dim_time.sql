-- The minutes of a day, UTC, made of digits: ten hours' tens and ones, and so on. Key -1: not known.
WITH digit AS (
  SELECT 0 AS n
  UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6
  UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
),
minutes AS (
  SELECT a.n * 10 + b.n AS hour, c.n * 10 + d.n AS minute
  FROM digit AS a
  CROSS JOIN digit AS b
  CROSS JOIN digit AS c
  CROSS JOIN digit AS d
  WHERE a.n * 10 + b.n < 24 AND c.n < 6
)
SELECT
  hour * 60 + minute AS time_key, hour, minute,
  CASE WHEN hour < 6 THEN 'night' WHEN hour < 12 THEN 'morning' WHEN hour < 18 THEN 'afternoon' ELSE 'evening' END AS part_of_day
FROM minutes
UNION ALL
SELECT -1, NULL, NULL, NULL
