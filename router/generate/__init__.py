"""Generates from the declarations: the plugins' READMEs, the catalogue, the full example config, the config's schema, the
description of the HTTP API, and the lists of reasons.

python -m router.generate           rewrite them all
python -m router.generate --check   exit with 1 and name what is stale
"""
