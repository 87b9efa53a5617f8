"""Jobs that turn events into rows per listener."""
