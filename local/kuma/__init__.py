"""Uptime Kuma's monitors as a monitors file: Kuma 1's backup (JSON), and the kuma.db of either version, only read.

reading     either file, as one kind of record
translate   a record in our words, and what of it has none
"""
