"""List who joined lately, for a mail merge.

Nothing is changed. The result has the columns name, email and plan; those who joined earlier, are not active or have
no e-mail address are skipped:

    rollcall run welcome-list --filter 'is_active eq true' --param days=7
    rollcall runs outcomes RUN --outcome unchanged --format csv > welcome.csv
"""

from datetime import timedelta

PARAMS = {
    "days": {"type": int, "default": 7, "help": "how many days ago they may have joined"},
}

if params.days < 1:
    fail("days must be 1 or more")
if user.date_joined < run.now - timedelta(days=params.days):
    skip("joined earlier")
if not user.is_active:
    skip("not active")
if not user.email.strip():
    skip("has no e-mail address")

result["name"] = f"{user.first_name} {user.last_name}".strip() or user.username
result["email"] = user.email.strip()
result["plan"] = ", ".join(profile.short_name for profile in user.profiles)
