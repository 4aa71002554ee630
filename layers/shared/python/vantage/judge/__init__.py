"""Judging: ticks in order, each once, by whoever finds one ready; everything of a tick in one transaction.

aside      judging beside a worker's probing
readiness  when a tick can be judged
tick       one tick: where to look, what is decided, what is written
faults     whether it is a region itself that failed in a tick
bench      one monitor in one tick, by the rules of vantage.verdict
memory     what is remembered of a monitor that is not quietly up
facts      what is said of a monitor and of what each region sees
letters    what people are told of what was decided, and what programs are
"""
