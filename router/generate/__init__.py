"""What is generated from the declarations: READMEs of plugins, the catalogue, the full example config and the config's schema.

python -m router.generate           rewrite them all
python -m router.generate --check   exit with 1 and name what is stale
"""
