"""Table contracts, by what the rows are; `conf/tables.py` lists them all."""
