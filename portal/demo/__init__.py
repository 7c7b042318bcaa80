"""A demonstration with pictures: the real server, the real pages, and clips made from public-domain portraits."""
