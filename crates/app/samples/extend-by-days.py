"""Extend the expiration by a number of days.

The days are counted from the expiration, or from now where that is past: whoever expired a month ago and gets 30
days has them all before them. Users who never expire are skipped.

    rollcall run extend-by-days --filter 'klass eq "gold"' --param days=30
"""

from datetime import timedelta

PARAMS = {
    "days": {"type": int, "help": "how many days to add"},
    "counted_from": {
        "type": str,
        "choices": ["later", "expiration", "now"],
        "default": "later",
        "help": "what the days are added to: the expiration, now, or the later of these two",
    },
}

if params.days < 1:
    fail("days must be 1 or more")
if user.expiration is None:
    skip("never expires")

if params.counted_from == "expiration":
    start = user.expiration
elif params.counted_from == "now":
    start = run.now
else:
    start = max(user.expiration, run.now)

user.expiration = start + timedelta(days=params.days)
