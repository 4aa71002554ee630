"""The composition root: what each Lambda's handler needs, made when it is first needed and kept for the environment.

A module per function, which imports what that function needs and nothing else, since each cold start pays for it:

producer, housekeeper   on `home`, which both keep
worker                  its `outpost`
notifier                its `desk`
api                     the `front`, which is the app

What several of them need: `event` reads the minute, `urls` says where the servers are, `references` what monitors
refer to, both of `ssm` on AWS; `kick` has the notifier run.
"""
