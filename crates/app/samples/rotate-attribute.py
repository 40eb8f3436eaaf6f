"""Set a reply attribute to a new value, in place of all earlier ones.

Users who have the new value, and no other, stay as they are.

    rollcall run rotate-attribute --filter 'klass eq "gold"' --param attr=Session-Timeout --param value=7200
"""

PARAMS = {
    "attr": {"type": str, "help": "name of the attribute, such as Session-Timeout"},
    "value": {"type": str, "help": "its new value"},
}

if not params.value.strip():
    fail("the value is empty; to take an attribute away there is the sample remove-attribute")

# First the new value, which takes the place of an earlier one that was set with :=, then the others go.
added, message = user.attribute_add(params.attr, params.value, ":=")
if not added and not message.endswith("is already there"):
    fail(message)

for item in user.attributes:
    if item.attr == params.attr and (item.operation, item.value) != (":=", params.value):
        user.attribute_remove(item.attr, item.value, item.operation)
