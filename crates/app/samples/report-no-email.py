"""Report who has no e-mail address.

Nothing is changed. Those who have one are skipped, so the others are what is left:

    rollcall run report-no-email --all
    rollcall runs outcomes RUN --outcome unchanged --format csv > no-email.csv
"""

if user.email.strip():
    skip("has one")

result["name"] = f"{user.first_name} {user.last_name}".strip()
result["external_id"] = user.external_id
result["joined"] = user.date_joined.date()
