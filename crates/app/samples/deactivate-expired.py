"""Deactivate users whose expiration is past.

With grace_days, only those who have been expired for so many days.

    rollcall run deactivate-expired --filter 'is_active eq true and expiration lt now' --param grace_days=14
"""

from datetime import timedelta

PARAMS = {
    "grace_days": {"type": int, "default": 0, "help": "how many days after the expiration a user stays active"},
}

if params.grace_days < 0:
    fail("grace_days must be 0 or more")
if not user.is_active:
    skip("not active")
if user.expiration is None:
    skip("never expires")
if user.expiration > run.now - timedelta(days=params.grace_days):
    skip("not expired, or still in the days of grace")

user.is_active = False
