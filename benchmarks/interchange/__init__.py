"""Interchange: we write and others read, others write and we read."""
