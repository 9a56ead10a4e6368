"""Engines, transactions and migrations: the only importer of a database driver."""
