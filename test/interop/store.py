"""What a store answers: the API that secret delivery uses (rows.py says how a
row reads)."""
import json
import subprocess
import time

from .rows import Case, Keep, Row, b64url

DENIED = ["1 error occurred:\n\t* permission denied\n\n"]
NO_TOKEN = ["permission denied"]


def policy(name, path, *capabilities):
    listed = ", ".join(f'"{one}"' for one in capabilities)
    text = f'path "{path}" {{ capabilities = [{listed}] }}'
    return ("root", "PUT", f"sys/policies/acl/{name}", {"policy": text}, 204,
            None)


def token(name, *policies, **more):
    return ("root", "POST", "auth/token/create",
            {"policies": list(policies), **more}, 200, Keep(name))


STATUS = [
    (None, "GET", "sys/health", None, 200,
     {"initialized": True, "sealed": False, "standby": False,
      "server_time_utc": int, "version": str}),
    (None, "HEAD", "sys/health", None, 200, None),
    (None, "GET", "sys/health?activecode=299", None, 299, {"sealed": False}),
    (None, "GET", "sys/seal-status", None, 200,
     {"type": "shamir", "initialized": True, "sealed": False, "t": 1, "n": 1}),
    (None, "GET", "sys/init", None, 200, {"initialized": True}),
    (None, "GET", "sys/internal/ui/mounts", None, 200,
     {"data": {"auth": {}, "secret": {}}}),
    (None, "GET", "sys/internal/ui/mounts/kv", None, 403, NO_TOKEN),
    (None, "GET", "sys/mounts", None, 403, NO_TOKEN),
    ("nonsense", "GET", "sys/mounts", None, 403, NO_TOKEN),
    ("root", "GET", "nomount/x", None, 404,
     ['no handler for route "nomount/x". route entry not found.']),
]

KV = [
    ("root", "GET", "kv/data/a", None, 404, []),
    ("root", "POST", "kv/data/a", {"x": 1}, 400, ["no data provided"]),
    ("root", "POST", "kv/data/a", None, 400, ["no data provided"]),
    ("root", "POST", "kv/data/a", b"junk", 400, ["error parsing JSON"]),
    ("root", "POST", "kv/data/a", [1], 400, ["error parsing JSON"]),
    ("root", "POST", "kv/data/a",
     {"data": {"user": "u", "n": 1}, "options": {"cas": 0}}, 200,
     {"lease_id": "", "renewable": False, "lease_duration": 0,
      "wrap_info": None, "warnings": None, "auth": None,
      "data": {"created_time": str, "custom_metadata": None,
               "deletion_time": "", "destroyed": False, "version": 1}}),
    ("root", "POST", "kv/data/a", {"data": {}, "options": {"cas": 0}}, 400,
     ["check-and-set parameter did not match the current version"]),
    ("root", "POST", "kv/data/a", {"data": {}, "options": {"cas": "x"}}, 400,
     ["error parsing check-and-set parameter"]),
    ("root", "PUT", "kv/data/a",
     {"data": {"user": "v"}, "options": {"cas": 1}}, 200,
     {"data": {"version": 2}}),
    ("root", "GET", "kv/data/a", None, 200,
     {"data": {"data": {"user": "v"},
               "metadata": {"version": 2, "destroyed": False}}}),
    ("root", "GET", "kv/data/a?version=1", None, 200,
     {"data": {"data": {"user": "u", "n": 1}, "metadata": {"version": 1}}}),
    ("root", "GET", "kv/data/a?version=9", None, 404, []),
    ("root", "GET", "kv/data/a?version=x", None, 400, list),
    ("root", "DELETE", "kv/data/a", None, 204, None),
    ("root", "GET", "kv/data/a", None, 404,
     {"data": {"data": None, "metadata": {"deletion_time": str,
                                          "version": 2}}}),
    ("root", "POST", "kv/undelete/a", {"versions": [2]}, 204, None),
    ("root", "GET", "kv/data/a", None, 200, {"data": {"data": {"user": "v"}}}),
    ("root", "POST", "kv/destroy/a", {"versions": [1]}, 204, None),
    ("root", "GET", "kv/data/a?version=1", None, 404,
     {"data": {"data": None, "metadata": {"destroyed": True}}}),
    ("root", "POST", "kv/data/t/x", {"data": {}}, 200, None),
    ("root", "POST", "kv/data/t/y/z", {"data": {}}, 200, None),
    ("root", "POST", "kv/data/t-1", {"data": {}}, 200, None),
    ("root", "LIST", "kv/metadata", None, 200,
     {"data": {"keys": ["a", "t-1", "t/"]}}),
    ("root", "GET", "kv/metadata/t?list=true", None, 200,
     {"data": {"keys": ["x", "y/"]}}),
    ("root", "LIST", "kv/metadata/none", None, 404, []),
    ("root", "GET", "kv/metadata/a", None, 200,
     {"data": {"cas_required": False, "current_version": 2,
               "custom_metadata": None, "delete_version_after": "0s",
               "max_versions": 0, "oldest_version": 0,
               "versions": {"1": {"destroyed": True},
                            "2": {"destroyed": False}}}}),
    ("root", "POST", "kv/metadata/a",
     {"max_versions": 2, "cas_required": True,
      "custom_metadata": {"owner": "me"}}, 204, None),
    ("root", "POST", "kv/data/a", {"data": {}}, 400,
     ["check-and-set parameter required for this call"]),
    ("root", "POST", "kv/data/a", {"data": {}, "options": {"cas": 2}}, 200,
     {"data": {"version": 3, "custom_metadata": {"owner": "me"}}}),
    ("root", "GET", "kv/data/a?version=1", None, 404, []),
    ("root", "DELETE", "kv/metadata/a", None, 204, None),
    ("root", "GET", "kv/metadata/a", None, 404, []),
    ("root", "GET", "kv/a", None, 404, {"data": None, "warnings": list}),
    ("root", "GET", "kv/data", None, 404, {"data": None, "warnings": list}),
]

POLICIES = [
    ("root", "GET", "sys/policies/acl", None, 405,
     ["1 error occurred:\n\t* unsupported operation\n\n"]),
    ("root", "GET", "sys/policies/acl/root", None, 200,
     {"data": {"name": "root", "policy": ""}}),
    ("root", "GET", "sys/policies/acl/nope", None, 404, []),
    policy("ct-p", "kv/data/a", "read"),
    ("root", "GET", "sys/policies/acl/ct-p", None, 200,
     {"data": {"name": "ct-p", "version": int,
               "policy": 'path "kv/data/a" { capabilities = ["read"] }'}}),
    ("root", "GET", "sys/policy/ct-p", None, 200, {"data": {"rules": str}}),
    ("root", "PUT", "sys/policies/acl/bad",
     {"policy": 'path "x" { capabilities = ["fly"] }'}, 400,
     ['failed to parse policy: path "x": invalid capability "fly"']),
    ("root", "PUT", "sys/policies/acl/bad", {"policy": "path x"}, 400, list),
    ("root", "PUT", "sys/policies/acl/bad", {}, 400,
     ["'policy' parameter not supplied or empty"]),
    ("root", "PUT", "sys/policies/acl/Mixed", {"policy": "# empty"}, 200,
     {"warnings": ["policy name was converted to mixed"]}),
    ("root", "DELETE", "sys/policies/acl/mixed", None, 204, None),
    ("root", "DELETE", "sys/policies/acl/root", None, 400,
     ['cannot delete "root" policy']),
    ("root", "DELETE", "sys/policies/acl/default", None, 400,
     ["cannot delete default policy"]),
]


def granted(number, rules, path, allowed, method="GET"):
    """Under a policy of @rules, is reading @path allowed?"""
    text = "\n".join(f'path "{where}" {{ capabilities = [{what}] }}'
                     for where, what in rules)
    name = f"ct-rule-{number}"
    status = {200, 404} if allowed else 403
    return [("root", "PUT", f"sys/policies/acl/{name}", {"policy": text}, 204,
             None),
            token(name, name),
            (name, method, path, None, status,
             None if allowed else DENIED)]


R, U, D, L = '"read"', '"update"', '"deny"', '"list"'
RULES = [
    ([("kv/data/a", R)], "kv/data/a", True),
    ([("kv/data/a", R)], "kv/data/ab", False),
    ([("kv/data/*", R)], "kv/data/a/b", True),
    ([("kv/data/te*", R)], "kv/data/team", True),
    ([("kv/+/a", R)], "kv/data/a", True),
    ([("kv/+/a", R)], "kv/data/x/a", False),
    ([("+/data/a", R)], "kv/data/a", True),
    ([("+/data/te*", R)], "kv/data/team/x", True),
    ([("+/data/te*", R)], "kv/data/x", False),
    ([("kv/+/*", R)], "kv/data/a/b", True),
    ([("kv/*/a", R)], "kv/data/a", False),
    ([("kv/data/*", U), ("kv/data/b", R)], "kv/data/b", True),
    ([("kv/data/*", R), ("kv/data/b", U)], "kv/data/b", False),
    ([("kv/data/*", U), ("kv/data/b*", R)], "kv/data/bc", True),
    ([("kv/+/c", U), ("kv/data/*", R)], "kv/data/c", True),
    ([("kv/+/*", U), ("kv/+/c", R)], "kv/data/c", True),
    ([("+/+/c*", U), ("+/data/c*", R)], "kv/data/cd", True),
    ([("kv/data/*", D), ("kv/data/b", R)], "kv/data/b", True),
    ([("kv/data/*", R), ("kv/data/b", D)], "kv/data/b", False),
    ([("/kv/data/a", R)], "kv/data/a", True),
]
RULE_ROWS = [row for number, rule in enumerate(RULES)
             for row in granted(number, *rule)] + \
    granted("list", [("kv/metadata/t", L)], "kv/metadata/t", True, "LIST") + \
    granted("nolist", [("kv/metadata/t", R)], "kv/metadata/t", False, "LIST")

AUTHORIZATION = [
    policy("ct-c", "kv/data/t/*", "create"),
    policy("ct-u", "kv/data/t/*", "update"),
    policy("ct-s", "sys/auth/*", "update"),
    token("creator", "ct-c"), token("updater", "ct-u"), token("mounter",
                                                              "ct-s"),
    ("updater", "POST", "kv/data/t/a", {"data": {}}, 403, DENIED),
    ("creator", "POST", "kv/data/t/a", {"data": {}}, 200, None),
    ("creator", "POST", "kv/data/t/a", {"data": {}}, 403, DENIED),
    ("updater", "POST", "kv/data/t/a", {"data": {}}, 200, None),
    ("updater", "GET", "nomount/x", None, 403, DENIED),
    ("updater", "GET", "sys/mounts", None, 403, DENIED),
    ("mounter", "POST", "sys/auth/ct-z", {"type": "jwt"}, 403, DENIED),
    ("updater", "GET", "sys/internal/ui/mounts/kv/t/a", None, 200,
     {"data": {"path": "kv/", "type": "kv", "options": {"version": "2"}}}),
    ("mounter", "GET", "sys/internal/ui/mounts/kv/t/a", None, 403, list),
    ("root", "GET", "sys/internal/ui/mounts/nix", None, 403,
     ["preflight capability check returned 403, please ensure client's "
      'policies grant access to path "nix/"']),
]

TOKENS = [
    ("root", "GET", "auth/token/lookup-self", None, 200,
     {"data": {"expire_time": None, "num_uses": 0, "orphan": True,
               "policies": ["root"], "renewable": False, "ttl": 0,
               "type": "service", "meta": None}}),
    ("root", "POST", "auth/token/create",
     {"policies": ["ct-p"], "ttl": "1h", "meta": {"a": "b"}}, 200,
     Keep("t", {"auth": {"policies": ["default", "ct-p"],
                         "metadata": {"a": "b"}, "lease_duration": 3600,
                         "renewable": True, "token_type": "service",
                         "orphan": False, "num_uses": 0}})),
    ("t", "GET", "auth/token/lookup-self", None, 200,
     {"data": {"creation_ttl": 3600, "meta": {"a": "b"}, "expire_time": str,
               "path": "auth/token/create", "renewable": True}}),
    ("t", "POST", "auth/token/renew-self", {"increment": "10m"}, 200,
     {"auth": {"lease_duration": 600, "renewable": True}}),
    ("t", "POST", "auth/token/renew-self", {"increment": "x"}, 400, list),
    ("root", "POST", "auth/token/renew-self", {}, 400,
     ["lease is not renewable"]),
    ("t", "POST", "auth/token/create", {"policies": ["root"]}, 403, DENIED),
    ("root", "POST", "auth/token/lookup", {"token": "s.nope"}, 403,
     ["bad token"]),
    ("t", "PUT", "sys/leases/renew", {"lease_id": "x/y"}, 400,
     ["lease not found"]),
    ("t", "POST", "auth/token/revoke-self", {}, 204, None),
    ("t", "GET", "auth/token/lookup-self", None, 403, NO_TOKEN),
    ("root", "POST", "auth/token/create",
     {"policies": ["default"], "num_uses": 2}, 200, Keep("twice")),
    ("twice", "GET", "auth/token/lookup-self", None, 200, None),
    ("twice", "GET", "auth/token/lookup-self", None, 200, None),
    ("twice", "GET", "auth/token/lookup-self", None, 403, NO_TOKEN),
    ("root", "POST", "auth/token/create", {"id": "s.mine"}, 400,
     ["custom token ID cannot have the 's.' prefix"]),
    ("root", "POST", "auth/token/create",
     {"policies": ["ct-p"], "type": "batch", "ttl": "1h"}, 200,
     Keep("batch", {"auth": {"renewable": False, "token_type": "batch"}})),
    ("batch", "POST", "auth/token/renew-self", {}, 400, list),
    policy("ct-maker", "auth/token/*", "update", "read"),
    token("mother", "ct-maker"),
    ("mother", "POST", "auth/token/create", {"policies": ["default"]}, 200,
     Keep("child")),
    ("mother", "POST", "auth/token/create", {"policies": ["root"]}, 400,
     ["child policies must be subset of parent"]),
    ("mother", "POST", "auth/token/revoke-self", {}, 204, None),
    ("child", "GET", "auth/token/lookup-self", None, 403, NO_TOKEN),
]

MOUNTS = [
    ("root", "POST", "sys/mounts/ct/kv",
     {"type": "kv", "options": {"version": "2"}}, 204, None),
    ("root", "POST", "sys/mounts/ct/kv", {"type": "kv-v2"}, 400,
     ["path is already in use at ct/kv/"]),
    ("root", "POST", "sys/mounts/x", {"type": "nope"}, 400,
     ["plugin not found in the catalog: nope"]),
    ("root", "POST", "sys/mounts/x", {}, 400,
     ["backend type must be specified as a string"]),
    ("root", "POST", "sys/mounts/sys", {"type": "kv-v2"}, 400,
     ['cannot mount "sys/"']),
    ("root", "GET", "sys/mounts/ct/kv", None, 200,
     {"data": {"type": "kv", "options": {"version": "2"}}}),
    Row("root", "GET", "sys/mounts", None, 200,
        {"data": {"ct/kv/": {"type": "kv"}}, "ct/kv/": {"type": "kv"}},
        partial=True),
    ("root", "POST", "ct/kv/data/a", {"data": {"k": 1}}, 200, None),
    ("root", "GET", "ct/kv/data/a", None, 200, {"data": {"data": {"k": 1}}}),
    ("root", "DELETE", "sys/mounts/ct/kv", None, 204, None),
    ("root", "GET", "ct/kv/data/a", None, 404, list),
    ("root", "GET", "sys/mounts/nope", None, 400,
     ["No secret engine mount at nope/"]),
]

NAMESPACES = [
    ("root", "POST", "sys/namespaces/ct-n", {}, 200,
     {"data": {"path": "ct-n/", "id": str, "uuid": str, "locked": False,
               "tainted": False, "custom_metadata": {}}}),
    ("root", "POST", "sys/namespaces/ct-n", {}, 200, None),
    ("root", "PUT", "sys/namespaces/ct-n",
     {"custom_metadata": {"owner": "me"}}, 200,
     {"data": {"custom_metadata": {"owner": "me"}}}),
    ("root", "POST", "@ct-n:sys/namespaces/fp01", {}, 200,
     {"data": {"path": "ct-n/fp01/"}}),
    ("root", "POST", "ct-n/sys/namespaces/fp02", {}, 200,
     {"data": {"path": "ct-n/fp02/"}}),
    ("root", "POST", "sys/namespaces/x/y", {}, 400,
     ["path must not contain /"]),
    ("root", "POST", "sys/namespaces/root", {}, 400,
     ['"root" is a reserved path and cannot be used as a namespace name']),
    ("root", "POST", "sys/namespaces/kv", {}, 400,
     ["new namespace conflicts with existing mount: kv/"]),
    ("root", "POST", "sys/mounts/ct-n/x", {"type": "kv-v2"}, 400, list),
    ("root", "GET", "sys/namespaces/none", None, 404, []),
    ("root", "GET", "@/ct-n/:sys/namespaces/fp01", None, 200,
     {"data": {"path": "ct-n/fp01/"}}),
    ("root", "LIST", "@ct-n/fp01:sys/namespaces", None, 404, []),
    ("root", "LIST", "@ct-n:sys/namespaces", None, 200,
     {"data": {"key_info": {"fp01/": {"path": "ct-n/fp01/"}}}}),
    ("root", "GET", "sys/namespaces", None, 405, list),
    ("root", "GET", "@none:kv/data/a", None, 404, ["namespace not found"]),
    (None, "GET", "@none:sys/mounts", None, 404, ["namespace not found"]),
    ("root", "GET", "@root:sys/mounts", None, 404, ["namespace not found"]),
    ("root", "GET", "@ct-n:sys/health", None, 400,
     ["operation unavailable in namespaces"]),
    ("root", "GET", "@none:sys/health", None, 400,
     ["operation unavailable in namespaces"]),
    ("root", "GET", "ct-n/sys/health", None, 400,
     ["operation unavailable in namespaces"]),
    (None, "GET", "@ct-n:sys/seal-status", None, 200, {"sealed": False}),
    (None, "GET", "sys/namespaces/ct-n", None, 403, NO_TOKEN),
    ("root", "LIST", "@ct-n:sys/policies/acl", None, 200,
     {"data": {"keys": ["default"]}}),
    ("root", "GET", "@ct-n:sys/policies/acl/root", None, 404, []),
    ("root", "POST", "@ct-n/fp01:sys/mounts/secret",
     {"type": "kv", "options": {"version": "2"}}, 204, None),
    ("root", "POST", "ct-n/fp01/secret/data/a", {"data": {"k": 1}}, 200, None),
    ("root", "GET", "@ct-n:fp01/secret/data/a", None, 200,
     {"data": {"data": {"k": 1}}}),
    ("root", "GET", "ct-n/secret/data/a", None, 404,
     ['no handler for route "secret/data/a". route entry not found.']),
    ("root", "PUT", "@ct-n/fp01:sys/policies/acl/ct-in",
     {"policy": 'path "secret/data/*" { capabilities = ["read"] }'}, 204,
     None),
    ("root", "PUT", "@ct-n:sys/policies/acl/ct-above",
     {"policy": 'path "fp01/secret/data/*" { capabilities = ["read"] }'}, 204,
     None),
    ("root", "POST", "@ct-n/fp01:auth/token/create", {"policies": ["ct-in"]},
     200, Keep("inside", {"auth": {"policies": ["default", "ct-in"]}})),
    ("inside", "GET", "@ct-n/fp01:secret/data/a", None, 200, None),
    ("inside", "GET", "ct-n/fp01/secret/data/a", None, 200, None),
    ("inside", "GET", "secret/data/a", None, 403, DENIED),
    ("inside", "GET", "@ct-n:secret/data/a", None, 403, DENIED),
    ("inside", "GET", "@ct-n/fp02:secret/data/a", None, 403, DENIED),
    ("inside", "GET", "auth/token/lookup-self", None, 200,
     {"data": {"namespace_path": "ct-n/fp01/"}}),
    ("inside", "GET", "@ct-n/fp01:sys/internal/ui/mounts/secret/a", None, 200,
     {"data": {"path": "secret/"}}),
    ("inside", "POST", "@ct-n/fp01:sys/capabilities-self",
     {"paths": ["secret/data/a"]}, 200,
     {"data": {"secret/data/a": ["read"], "capabilities": ["read"]},
      "capabilities": ["read"]}),
    ("root", "POST", "@ct-n:auth/token/create", {"policies": ["ct-above"]},
     200, Keep("above")),
    ("above", "GET", "@ct-n/fp01:secret/data/a", None, 200, None),
    ("above", "GET", "@ct-n:fp01/secret/data/a", None, 200, None),
    ("above", "GET", "@ct-n/fp01:sys/internal/ui/mounts/secret/a", None, 200,
     {"data": {"path": "secret/"}}),
    ("above", "POST", "@ct-n/fp01:sys/capabilities-self",
     {"paths": ["secret/data/a"]}, 403, DENIED),
    ("above", "POST", "@ct-n:sys/capabilities-self",
     {"paths": ["fp01/secret/data/a", "secret/data/a"]}, 200,
     {"data": {"fp01/secret/data/a": ["read"], "secret/data/a": ["deny"]}}),
    ("root", "POST", "@ct-n:auth/token/create", {"policies": ["root"]}, 400,
     ["root tokens may not be created from a parent namespace"]),
    ("root", "POST", "@ct-n:auth/token/create", {"id": "mine"}, 400,
     ["token IDs can only be manually specified in the root namespace"]),
    ("root", "POST", "@ct-n:auth/token/create", {}, 200,
     {"auth": {"policies": ["default"]}}),
    policy("ct-maker-in", "ct-n/*", "create", "update"),
    token("outside", "ct-maker-in"),
    ("outside", "POST", "@ct-n:auth/token/create", {}, 400,
     ["root or sudo privileges required to directly generate a token in a "
      "child namespace"]),
    ("root", "DELETE", "sys/namespaces/ct-n", None, 400,
     ['cannot delete namespace ("ct-n/") containing child namespaces']),
    ("root", "DELETE", "sys/namespaces/none", None, 200,
     {"warnings": ["requested namespace does not exist"]}),
    ("root", "POST", "sys/namespaces/ct-n/", {}, 400,
     ["cannot write to a path ending in '/'"]),
    ("root", "DELETE", "@ct-n:sys/namespaces/fp02", None, 200,
     {"data": {"status": "in-progress"}}),
]

CAPABILITIES = [
    ("root", "PUT", "sys/policies/acl/ct-cap",
     {"policy": 'path "a/*" { capabilities = ["read", "deny"] }\n'
                'path "b/*" { capabilities = ["sudo", "list", "create", '
                '"update", "delete", "patch", "read", "scan"] }'}, 204, None),
    token("cap", "ct-cap"),
    ("cap", "POST", "sys/capabilities-self",
     {"paths": ["a/x", "b/", "/b/y", "zz"]}, 200,
     {"data": {"a/x": ["deny"], "zz": ["deny"],
               "b/": ["create", "delete", "list", "patch", "read", "scan",
                      "sudo", "update"],
               "/b/y": ["create", "delete", "list", "patch", "read", "scan",
                        "sudo", "update"]}}),
    ("cap", "POST", "sys/capabilities-self",
     {"path": "auth/token/lookup-self"}, 200,
     {"data": {"auth/token/lookup-self": ["read"], "capabilities": ["read"]}}),
    ("root", "POST", "sys/capabilities-self", {"paths": "x,y"}, 200,
     {"data": {"x": ["root"], "y": ["root"]}, "x": ["root"]}),
    ("root", "POST", "sys/capabilities-self", {}, 400,
     ["paths must be supplied"]),
    ("root", "GET", "sys/capabilities-self", None, 405, list),
    (None, "POST", "sys/capabilities-self", {"paths": ["x"]}, 403, NO_TOKEN),
    token("bare", "ct-cap", no_default_policy=True),
    ("bare", "POST", "sys/capabilities-self", {"paths": ["x"]}, 403, DENIED),
]

ROLE = {"role_type": "jwt", "bound_audiences": ["ct:fp01"],
        "user_claim": "sub",
        "bound_claims": {"/kubernetes.io/namespace": "team-a"},
        "claim_mappings": {"/kubernetes.io/pod/uid": "pod_uid"},
        "token_policies": ["ct-pod"], "token_ttl": "10m",
        "token_no_default_policy": True}


class Signer:
    """An issuer of tokens, by openssl."""

    def __init__(self, folder, name="issuer"):
        self.key = folder / f"{name}.pem"
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt",
                      "rsa_keygen_bits:2048", "-out", self.key)
        self.public = self._openssl("pkey", "-in", self.key,
                                    "-pubout").decode()

    @staticmethod
    def _openssl(*words, data=None):
        return subprocess.run(["openssl", *map(str, words)], input=data,
                              check=True, capture_output=True).stdout

    def sign(self, **changes):
        now = int(time.time())
        claims = {"iss": "https://k", "aud": ["ct:fp01"], "iat": now,
                  "sub": "system:serviceaccount:team-a:web",
                  "nbf": now, "exp": now + 600,
                  "kubernetes.io": {"namespace": "team-a",
                                    "pod": {"name": "p", "uid": "u1"}}}
        claims.update(changes)
        claims = {name: value for name, value in claims.items()
                  if value is not None}
        signed = ".".join(b64url(json.dumps(part).encode()) for part in
                          ({"alg": "RS256", "typ": "JWT"}, claims))
        return signed + "." + b64url(self._openssl(
            "dgst", "-sha256", "-sign", self.key, data=signed.encode()))


def jwt_rows(signer, stranger):
    """Logins at a mount that trusts @signer."""
    now = int(time.time())
    mount = "auth/ct-jwt"

    def login(status, expectation, role="pod", by=signer, **changes):
        return (None, "POST", f"{mount}/login",
                {"role": role, "jwt": by.sign(**changes)}, status, expectation)

    return [
        policy("ct-pod", "kv/data/team-a/*", "read"),
        ("root", "POST", "sys/auth/ct-jwt", {"type": "jwt"}, 204, None),
        ("root", "POST", "sys/auth/ct-jwt", {"type": "jwt"}, 400,
         ["path is already in use at ct-jwt/"]),
        login(400, ["could not load configuration"]),
        ("root", "GET", f"{mount}/config", None, 404, []),
        ("root", "POST", f"{mount}/config", {}, 400, list),
        ("root", "POST", f"{mount}/config", {"jwt_validation_pubkeys": ["x"]},
         400, ["error parsing public key: data does not contain any valid "
               "public keys"]),
        ("root", "POST", f"{mount}/config",
         {"jwt_validation_pubkeys": [signer.public],
          "jwt_supported_algs": ["HS256"]}, 400,
         ["invalid jwt_supported_algs: unsupported signing algorithm "
          '"HS256"']),
        ("root", "POST", f"{mount}/config",
         {"jwt_validation_pubkeys": [signer.public],
          "bound_issuer": "https://k",
          "jwt_supported_algs": ["ES256", "RS256"]}, 204, None),
        Row("root", "GET", f"{mount}/config", None, 200,
            {"data": {"bound_issuer": "https://k", "default_role": "",
                      "jwt_supported_algs": ["ES256", "RS256"]}},
            partial=True),
        ("root", "POST", f"{mount}/role/bad", {}, 400,
         ["a user claim must be defined on the role"]),
        ("root", "POST", f"{mount}/role/bad",
         {"role_type": "jwt", "user_claim": "sub"}, 400,
         ["must have at least one bound constraint when creating/updating a "
          "role"]),
        ("root", "POST", f"{mount}/role/bad",
         {"role_type": "x", "user_claim": "sub", "bound_audiences": "a"}, 400,
         ["invalid 'role_type': x"]),
        ("root", "POST", f"{mount}/role/pod", ROLE, 204, None),
        Row("root", "GET", f"{mount}/role/pod", None, 200,
            {"data": {"bound_audiences": ["ct:fp01"], "token_ttl": 600,
                      "token_no_default_policy": True, "bound_subject": "",
                      "bound_claims_type": "string",
                      "token_type": "default"}}, partial=True),
        ("root", "LIST", f"{mount}/role", None, 200,
         {"data": {"keys": ["pod"]}}),
        login(200, Keep("pod", {"auth": {
            "policies": ["ct-pod"], "lease_duration": 600, "renewable": True,
            "metadata": {"pod_uid": "u1", "role": "pod"},
            "token_type": "service", "orphan": True}})),
        # a brief token that is kept lives as long as it is renewed for
        policy("ct-keeper", "auth/token/*", "update", "read"),
        ("root", "POST", f"{mount}/role/keeper",
         {**ROLE, "token_policies": ["ct-keeper"], "token_ttl": 60}, 204,
         None),
        login(200, Keep("keeper", {"auth": {"lease_duration": 60,
                                            "renewable": True}}),
              role="keeper"),
        ("keeper", "POST", "auth/token/renew-self", {"increment": 600}, 200,
         {"auth": {"lease_duration": 600, "renewable": True}}),
        ("keeper", "GET", "auth/token/lookup-self", None, 200,
         {"data": {"creation_ttl": 60}}),
        # and a stolen one as long as whoever has it wishes, to the store's most
        ("keeper", "POST", "auth/token/renew-self",
         {"increment": 31 * 86400}, 200,
         {"auth": {"lease_duration": 31 * 86400}}),
        ("keeper", "POST", "auth/token/renew-self", {}, 200,
         {"auth": {"lease_duration": 60}}),
        ("root", "DELETE", f"{mount}/role/keeper", None, 204, None),
        ("pod", "GET", "kv/data/team-a/db", None, 404, []),
        ("pod", "GET", "kv/data/b", None, 403, DENIED),
        ("pod", "GET", "auth/token/lookup-self", None, 403, DENIED),
        ("pod", "POST", "auth/token/renew-self", {}, 403, DENIED),
        login(400, ["error validating token: invalid audience (aud) claim: "
                    "audience claim does not match any expected audience"],
              aud="x"),
        login(400, ["error validating token: invalid audience (aud) claim: "
                    "audience claim does not match any expected audience"],
              aud=None),
        login(400, ["error validating token: invalid issuer (iss) claim"],
              iss="https://z"),
        login(400, ["error validating token: invalid expiration time (exp) "
                    "claim: token is expired"],
              exp=now - 1000, nbf=now - 2000, iat=now - 2000),
        login(400, ["error validating token: invalid not before (nbf) claim: "
                    "token not yet valid"], nbf=now + 900, iat=now + 900),
        login(400, ['error validating claims: claim "/kubernetes.io/namespace"'
                    " does not match any associated bound claim values"],
              **{"kubernetes.io": {"namespace": "b"}}),
        login(400, ['error validating claims: claim "/kubernetes.io/namespace"'
                    " is missing"], **{"kubernetes.io": None}),
        login(400, ['claim "sub" not found in token'], sub=None),
        login(400, ["error validating token: error verifying token signature: "
                    "no known key successfully validated the token "
                    "signature"], by=stranger),
        login(400, ['role "none" could not be found'], role="none"),
        (None, "POST", f"{mount}/login", {"role": "pod"}, 400,
         ["missing token"]),
        (None, "POST", f"{mount}/login", {"jwt": "a.b.c"}, 400,
         ["missing role"]),
        (None, "POST", f"{mount}/login", {"role": "pod", "jwt": "a.b.c"}, 400,
         list),
        (None, "GET", f"{mount}/login", None, 405, ["unsupported operation"]),
        (None, "POST", "auth/ct-none/login", {}, 403, NO_TOKEN),
        ("root", "POST", f"{mount}/role/sub",
         {**ROLE, "bound_subject": "system:serviceaccount:team-a:web",
          "bound_claims_type": "glob",
          "bound_claims": {"/kubernetes.io/namespace": ["x", "team-*"]}}, 204,
         None),
        login(200, {"auth": {"orphan": True}}, role="sub"),
        login(400, ["error validating token: invalid subject (sub) claim"],
              role="sub", sub="other"),
        ("root", "POST", f"{mount}/role/batch",
         {**ROLE, "token_type": "batch"}, 204, None),
        login(200, {"auth": {"token_type": "batch", "renewable": False}},
              role="batch"),
        ("root", "DELETE", f"{mount}/role/pod", None, 204, None),
        ("root", "DELETE", "sys/auth/ct-jwt", None, 204, None),
        ("pod", "GET", "kv/data/team-a/db", None, 403, NO_TOKEN),
    ]


def jwt_case(folder):
    return jwt_rows(Signer(folder, "issuer"), Signer(folder, "stranger"))


CASES = [
    Case("status", STATUS),
    Case("KV version 2", KV),
    Case("policies", POLICIES),
    Case("policy rules", RULE_ROWS),
    Case("authorization", AUTHORIZATION),
    Case("tokens", TOKENS),
    Case("mounts", MOUNTS),
    Case("namespaces, tokens", NAMESPACES,
         first=("ct-n/sys/namespaces/fp01", "sys/namespaces/ct-n")),
    Case("capabilities", CAPABILITIES),
    Case("JWT login", jwt_case, first=("sys/auth/ct-jwt",)),
]
