-- The first three are said by locations, the last two by commands. Key -1: none was said.
SELECT -1 AS delivery_state_key, 'unknown' AS delivery_state, 0 AS step
UNION ALL SELECT 1, 'start', 1
UNION ALL SELECT 2, 'on_the_way', 2
UNION ALL SELECT 3, 'arrived', 3
UNION ALL SELECT 4, 'closed', 4
UNION ALL SELECT 5, 'cancelled', 4
