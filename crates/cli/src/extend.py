# Gives every active subscriber 30 days more and moves plan "basic" to "plus".
from datetime import timedelta

if not user.is_active:
    skip("not active")

if user.expiration is not None:
    user.expiration += timedelta(days=30)

moved, message = user.profile_remove(short_name="basic")
if moved:
    user.profile_add(short_name="plus")
    user.attribute_add(attr="Class", value="plus", operation="+=")

if not user.email:
    result["remark"] = "no e-mail address"
