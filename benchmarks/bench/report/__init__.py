"""Results for people: a table in the terminal, a page with pictures."""
