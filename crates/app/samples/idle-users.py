"""List users who have not logged in for long, and deactivate them if wanted.

Who never logged in is idle from the day of joining. Look at the list first:

    rollcall run idle-users --filter 'is_active eq true' --param days=180
    rollcall runs outcomes RUN --format csv

Then the same with --param deactivate=true.
"""

from datetime import timedelta

PARAMS = {
    "days": {"type": int, "default": 90, "help": "after how many days without a login a user is idle"},
    "deactivate": {"type": bool, "default": False, "help": "whether idle users are deactivated"},
}

if params.days < 1:
    fail("days must be 1 or more")
if not user.is_active:
    skip("not active")

last_seen = user.last_login or user.date_joined
if last_seen > run.now - timedelta(days=params.days):
    skip("not idle")

result["last_login"] = user.last_login or "never"
result["idle_days"] = (run.now - last_seen).days

if params.deactivate:
    user.is_active = False
