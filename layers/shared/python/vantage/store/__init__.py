"""PostgreSQL: all SQL of Vantage, one module per table family; functions that take a connection."""
