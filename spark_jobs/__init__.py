"""THE TABLE EDGE: jobs between tables and the arrays that `models` and `audio` compute on."""
