"""Notifying: the outbox's letters to their channels, at least once each, in order per monitor.

text      what a message says, in one line
message   a letter as the webhook's body
senders   how each type of channel is spoken to
post      one guarded POST
mail      one mail by SMTP, guarded likewise
sns       one message into a topic of Amazon SNS
service   one message to a service of which apprise knows how
backoff   when to try again, and when no more
run       takes letters, sends them, writes down what became of them
"""

from vantage.notify.run import Notified, Notifier

__all__ = ["Notified", "Notifier"]
