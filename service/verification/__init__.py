"""Bytes and a trust bundle in, a report out; no database, keys, settings or network."""
