"""Sending one request over HTTP: credentials, tokens, names of hosts, and what a vendor says of waiting."""
