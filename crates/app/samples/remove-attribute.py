"""Remove an attribute, whatever its value.

Users who do not have it are skipped.

    rollcall run remove-attribute --filter 'attributes.attr eq "Session-Timeout"' --param attr=Session-Timeout
"""

PARAMS = {
    "attr": {"type": str, "help": "name of the attribute, such as Session-Timeout"},
    "kind": {
        "type": str,
        "choices": ["reply", "check"],
        "default": "reply",
        "help": "whether it is taken from the attributes (reply) or from the check attributes",
    },
}

if params.kind == "reply":
    items, remove = user.attributes, user.attribute_remove
else:
    items, remove = user.check_attributes, user.check_attribute_remove

found = {item for item in items if item.attr == params.attr}
if not found:
    skip(f"has no {params.attr}")

for item in found:
    removed, message = remove(item.attr, item.value, item.operation)
    if not removed:
        fail(message)
