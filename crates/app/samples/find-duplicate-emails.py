"""Find e-mail addresses that several users share.

Nothing is changed. A script sees one user at a time, so this one notes the address, without regard to case, in the
result. Sorted by that column, the same addresses stand next to each other:

    rollcall run find-duplicate-emails --all
    rollcall runs outcomes RUN --outcome unchanged --format csv > emails.csv

Or, where jq is installed:

    rollcall runs outcomes RUN --outcome unchanged --format json | jq -r .result.email | sort | uniq -d
"""

email = user.email.strip().casefold()
if not email:
    skip("has no e-mail address")

result["email"] = email
