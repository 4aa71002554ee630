"""The pages, complete without JavaScript.

A page shows public monitors only where no token is asked for: a private monitor is watched, and cannot be told from a
missing one. `public: true` in its file shows it.
"""
