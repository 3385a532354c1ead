"""SQL constructs that only StarRocks has: views, materialized views, ``FILES()``."""
