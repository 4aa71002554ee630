"""Words and numbers for people. Pure: times come in; clock times are UTC.

numbers   percent, milliseconds, spans, counts, names in a sentence
words     one monitor: why a check failed, what the regions see, the verdict
headline  all monitors: the worst thing, from where, how many
"""
