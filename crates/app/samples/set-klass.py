"""Set the klass of each user from a file.

The file is CSV or an Excel sheet with the columns username and klass. A user whose cell is empty is skipped.

    rollcall run set-klass --csv klasses.csv
"""

klass = row["klass"].strip()
if not klass:
    skip("the row has no klass")

user.klass = klass
