-- Until when a region's closed books were told to CloudWatch: a run that dies before it tells them leaves them to the next.

ALTER TABLE region ADD COLUMN books_told_until timestamptz;

COMMENT ON COLUMN region.books_told_until IS 'books closed until then are in a line of a worker''s log; null: none yet';

-- The workers of before told each minute's.
UPDATE region SET books_told_until = now();
