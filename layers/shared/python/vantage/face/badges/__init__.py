"""Badges: status, uptime and latency of a public monitor, as a picture and as JSON for Shields.

drawing  the picture
routes   what each path tells
"""
