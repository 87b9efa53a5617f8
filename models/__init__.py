"""How to compute: arrays in, arrays out. No Spark, no clock, no files save for what a source saves."""
