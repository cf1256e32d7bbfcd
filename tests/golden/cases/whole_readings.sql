-- Every column of every reading.
SELECT * FROM readings WHERE door_openings >= 3
