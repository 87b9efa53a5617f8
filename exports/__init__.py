"""THE SERVING EDGE: lists as key-value records in stores that apps read.

`records` is what an app gets, `publish` how a week reaches the stores without ever being half there, `reader` what an app
calls. Nothing here knows Spark or Delta: callers stream records in and keep the outcomes. docs/serving.md is the contract.
"""
