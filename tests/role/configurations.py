#!/usr/bin/python3
"""Every configuration of tests/config goes through the role's template as variables, and is the same thereafter.

  configurations.py give REPOSITORY        prints the cases as a file of variables
  configurations.py compare CASES RENDERED
"""
import json
import pathlib
import sys
import tomllib

# What strings may hold, if not in a configuration that makes sense.
ODD = ['"', "\\", "\\u0041", "'''", "#", "[1]", "tab\t", "line\nline", "\x01", "é", "\U0001f512", "true", "1", ""]


def configurations(repository):
    for path in sorted(pathlib.Path(repository, "tests/config").glob("*/etc/vault-unseal/**/*.toml")):
        try:
            yield str(path), tomllib.loads(path.read_bytes().decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue


def case(table):
    clusters = table.pop("cluster")
    return {
        "vault_unseal_settings": table,
        "vault_unseal_clusters": clusters,
        "vault_unseal_shares": "other",
        "vault_unseal_tcti": "",
    }


def give(repository):
    cases = []
    for _, table in configurations(repository):
        clusters = table.get("cluster")
        if isinstance(clusters, list) and all(isinstance(cluster, dict) for cluster in clusters):
            cases.append(case(table))
    assert len(cases) > 100, len(cases)
    cases.append(case({"log_level": "".join(ODD), "cluster": [{"name": text, "nodes": ODD} for text in ODD]}))
    for shares, tcti in (("file", ""), ("credential", ""), ("tpm2", ""), ("tpm2", "device:/dev/tpm1")):
        cases.append({**case({"cluster": [{"nodes": ["a"]}]}), "vault_unseal_shares": shares, "vault_unseal_tcti": tcti})
    json.dump({"cases": cases}, sys.stdout)


def compare(cases, rendered):
    cases = json.loads(pathlib.Path(cases).read_text())["cases"]
    lines = pathlib.Path(rendered).read_text().splitlines()
    assert len(lines) == len(cases), (len(lines), len(cases))
    for wanted, line in zip(cases, lines):
        text = json.loads(line)
        table = {**wanted["vault_unseal_settings"], "cluster": wanted["vault_unseal_clusters"]}
        source = {"file": {"credential": "shares"}, "credential": {"credential": "shares"}}.get(wanted["vault_unseal_shares"])
        if wanted["vault_unseal_shares"] == "tpm2":
            source = {"tpm2": "/etc/vault-unseal/shares.tpm2"}
            if wanted["vault_unseal_tcti"]:
                source["tcti"] = wanted["vault_unseal_tcti"]
        if source:
            table["cluster"] = [{**cluster, "shares": source} for cluster in table["cluster"]]
        try:
            got = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            sys.exit(f"not ok - {error}\n{text}")
        # Without a table there is no key.
        if {"cluster": [], **got} != table:
            sys.exit(f"not ok - of {table}\n{got}\n{text}")
    print(f"ok - {len(cases)} configurations are what they were")


{"give": give, "compare": compare}[sys.argv[1]](*sys.argv[2:])
