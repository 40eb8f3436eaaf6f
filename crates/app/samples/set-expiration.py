"""Set the expiration of each user from a file.

The file is CSV or an Excel sheet with the columns username and expiration (or another one: --param column=…). A
date alone means its first moment, in the installation's time zone; the word never takes the expiration away. A user
whose cell is empty is skipped.

    rollcall run set-expiration --csv expirations.csv
"""

PARAMS = {
    "column": {"type": str, "default": "expiration", "help": "the column of the file that has the dates"},
}

text = row[params.column].strip()
if not text:
    skip("the row has no date")

try:
    user.expiration = None if text.lower() == "never" else text
except ValueError:
    fail(f"{text!r} is not a date: write it as 2026-12-31, or with its time as 2026-12-31T18:00:00Z")
