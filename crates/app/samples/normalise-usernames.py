"""Normalise usernames: lower case, without blanks around them.

Usernames are case-sensitive: Ana and ana are two users. If both are there, the name that is taken fails Ana alone;
decide who of them keeps it:

    rollcall run normalise-usernames --all
    rollcall runs outcomes RUN --outcome failed

Users have their turn one after the other, so two of them cannot swap their names in one run: give one a third name
first.
"""

name = user.username.strip().lower()
if name == user.username:
    skip("already normal")

# The length is never recomputed; where it was that of the name, it stays so.
if user.username_length == len(user.username):
    user.username_length = len(name)
user.username = name
