"""Move users from one plan to another.

A plan is a profile. Users who are not on the first one are skipped; who is on both is taken off the first. The new
plan comes last in the user's priorities.

    rollcall run move-plan --filter 'profiles.short_name eq "basic"' --param from_plan=basic --param to_plan=plus
"""

PARAMS = {
    "from_plan": {"type": str, "help": "short_name of the profile to take away"},
    "to_plan": {"type": str, "help": "short_name of the profile to assign instead"},
}

if params.from_plan == params.to_plan:
    fail("from_plan and to_plan are the same")

removed, message = user.profile_remove(short_name=params.from_plan)
if not removed:
    # Somebody who is not on the plan is ordinary; a plan that does not exist was mistyped.
    if message.endswith("is not assigned"):
        skip(f"not on {params.from_plan}")
    fail(message)

if params.to_plan not in [profile.short_name for profile in user.profiles]:
    added, message = user.profile_add(short_name=params.to_plan)
    if not added:
        fail(message)
