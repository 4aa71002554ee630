"""The verdict rules: from recorded results to region states, votes, verdicts, incidents, advisories and notices.

Pure: no clock, no database. What is judged comes in, what has been decided comes out.

    rules     the settings, each with the reason for its default
    rows      what was recorded, what was scheduled, and which of it counts
    region    the state of one monitor in one region: a fold over its counted rows
    votes     quorums, and the verdict of all regions together
    fault     whether it is the region itself that fails
    flapping  when notices stop being news
    decisions what judging decides: flips, incidents, advisories, notices
    monitor   one monitor judged at one slot
    episodes  what the operator hears of our own faults
    fleet     all monitors judged tick by tick
    windows   maintenance in UTC
"""
