"""Assign each user the static IPv4 address of a file.

The file is CSV or an Excel sheet with the columns username and Framed-IP-Address. An earlier address that was set
with := is replaced. Whether two rows have the same address is not looked at: a script sees one user at a time.

    rollcall run assign-static-ip --csv addresses.csv
"""

from ipaddress import IPv4Address

text = row["Framed-IP-Address"].strip()
if not text:
    skip("the row has no address")

try:
    address = IPv4Address(text)
except ValueError as error:
    fail(f"not an IPv4 address: {error}")
if address.is_unspecified or address.is_loopback or address.is_multicast:
    fail(f"no subscriber can have {address}")

added, message = user.attribute_add("Framed-IP-Address", str(address), ":=")
if not added and not message.endswith("is already there"):
    fail(message)
