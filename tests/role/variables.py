#!/usr/bin/python3
"""The role's variables have one default in both of its files, and the pages name no other."""
import pathlib
import re
import sys

import yaml

repository = pathlib.Path(sys.argv[1])
role = repository / "contrib/ansible/roles/vault_unseal"
defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
options = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
specified = {name: option["default"] for name, option in options.items()}
assert defaults == specified, set(defaults) ^ set(specified) or "other defaults"

# The role of a Raspberry Pi cluster has this one.
others = {"vault_unseal_service"}
for page in (role / "README.md", repository / "docs/usage/ansible.md"):
    for name in re.findall(r"\bvault_unseal_[a-z_]+", page.read_text()):
        assert name in defaults or name in others, f"{page}: {name}"
used = "".join(path.read_text() for path in role.glob("*/*") if path.parent.name in ("tasks", "templates"))
for name in defaults:
    assert name in used, f"{name} is used nowhere"
