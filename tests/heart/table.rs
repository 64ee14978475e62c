//! Single answers and what follows from each: the table of the API's notes, row by row.
