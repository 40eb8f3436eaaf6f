"""Change the domain of e-mail addresses.

Case does not matter. Addresses in subdomains are left alone: ana@mail.example.com is not at example.com.

    rollcall run change-email-domain --all --param from_domain=example.com --param to_domain=example.net
"""

PARAMS = {
    "from_domain": {"type": str, "help": "the domain to replace, such as example.com"},
    "to_domain": {"type": str, "help": "the domain to put in its place, such as example.net"},
}

old = params.from_domain.strip().lower().removeprefix("@")
new = params.to_domain.strip().lower().removeprefix("@")
for domain in old, new:
    if "." not in domain or "@" in domain or " " in domain:
        fail(f"{domain!r} is not a domain such as example.com")

name, _, domain = user.email.strip().rpartition("@")
if not name or domain.lower() != old:
    skip(f"not at {old}")

user.email = f"{name}@{new}"
