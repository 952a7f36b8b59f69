"""What a store answers when a cluster is registered: namespaces, AppRole, PKI,
capabilities, response wrapping (rows.py says how a row reads).

All of it is what OpenBao 2.4.0 was seen to answer.
"""
import json
import subprocess

from .rows import Case, Keep, Row, not_yet, within
from .store import DENIED, NO_TOKEN, policy, token

NO_NAMESPACE = ["namespace not found"]
BELOW = "cn/fp01"


MAKE = [("root", "POST", "sys/namespaces/cn", {}),
        ("root", "POST", "cn/sys/namespaces/fp01", {})]
# what goes is gone a moment after the answer
UNMAKE = [
    ("root", "DELETE", "@cn:sys/namespaces/fp01", None, 200,
     {"data": {"status": "in-progress"}}),
    Row("root", "LIST", "cn/sys/namespaces", None, 404, [], settles=True),
    ("root", "DELETE", "sys/namespaces/cn", None, 200,
     {"data": {"status": "in-progress"}}),
    Row("root", "GET", "sys/namespaces/cn", None, 404, [], settles=True),
]
LEFT_OVER = ("cn/sys/namespaces/fp01", "sys/namespaces/cn")


def reserved(name):
    return ("root", "POST", f"sys/namespaces/{name}", {}, 400,
            [f'"{name}" is a reserved path and cannot be used as a namespace '
             'name'])


NAMESPACES = [
    ("root", "GET", "sys/namespaces/cn", None, 404, []),
    ("root", "POST", "sys/namespaces/cn", {}, 200,
     {"data": {"path": "cn/", "id": str, "uuid": str, "locked": False,
               "tainted": False, "custom_metadata": {}}}),
    ("root", "POST", "sys/namespaces/cn", {}, 200, {"data": {"path": "cn/"}}),
    ("root", "POST", "sys/namespaces/cn", None, 200, None),
    ("root", "GET", "sys/namespaces/cn", None, 200, {"data": {"path": "cn/"}}),
    ("root", "LIST", "sys/namespaces", None, 200,
     {"data": {"keys": list, "key_info": {"cn/": {"path": "cn/"}}}}),
    *within("cn", [
        ("root", "LIST", "sys/namespaces", None, 404, []),
        ("root", "POST", "sys/namespaces/fp01",
         {"custom_metadata": {"cluster": "one"}}, 200,
         {"data": {"path": "cn/fp01/",
                   "custom_metadata": {"cluster": "one"}}}),
        ("root", "GET", "sys/namespaces?list=true", None, 200,
         {"data": {"keys": ["fp01/"],
                   "key_info": {"fp01/": {"path": "cn/fp01/"}}}}),
    ]),
    ("root", "POST", "sys/namespaces/cn/fp02", {}, 400,
     ["path must not contain /"]),
    *map(reserved, ("root", "sys", "audit", "auth", "cubbyhole", "identity")),
    Row("root", "POST", "sys/namespaces/a%20b", {}, 400,
        ['"a b" contains space characters that cannot be used in a namespace '
         'name']),
    # where a namespace is not
    *within("nope", [("root", "GET", "kv/data/a", None, 404, NO_NAMESPACE),
                     (None, "GET", "kv/data/a", None, 404, NO_NAMESPACE)]),
    *within("cn/nope", [("root", "GET", "kv/data/a", None, 404,
                         NO_NAMESPACE)]),
    ("root", "GET", "nope/sys/mounts", None, 404,
     ['no handler for route "nope/sys/mounts". route entry not found.']),
    # each has mounts of its own; by header, by path, by both
    *within(BELOW, [
        ("root", "GET", "kv/data/a", None, 404,
         ['no handler for route "kv/data/a". route entry not found.']),
        ("root", "POST", "sys/mounts/kv",
         {"type": "kv", "options": {"version": "2"}}, 204, None),
        Row("root", "POST", "kv/data/a",
            {"data": {"k": 1}, "options": {"cas": 0}}, 200,
            {"data": {"version": 1}}, settles=True),
        ("root", "POST", "kv/data/a",
         {"data": {"k": 2}, "options": {"cas": 0}}, 400,
         ["check-and-set parameter did not match the current version"]),
        Row("root", "GET", "sys/mounts", None, 200,
            {"data": {"kv/": {"type": "kv", "options": {"version": "2"}},
                      "sys/": {"type": "ns_system"}}}, partial=True),
    ]),
    ("root", "GET", "cn/fp01/kv/data/a", None, 200,
     {"data": {"data": {"k": 1}}}),
    ("root", "GET", "@cn:fp01/kv/data/a", None, 200,
     {"data": {"data": {"k": 1}}}),
    ("root", "GET", "@/cn/fp01/:kv/data/a", None, 200,
     {"data": {"data": {"k": 1}}}),
    ("root", "GET", "kv/data/a", None, 404, []),
    # health is the server's, not a namespace's
    *within(BELOW, [
        (None, "GET", "sys/health", None, 400,
         ["operation unavailable in namespaces"]),
        (None, "GET", "sys/seal-status", None, 200, {"sealed": False}),
    ]),
    # deleting goes from the innermost
    ("root", "DELETE", "sys/namespaces/cn", None, 400,
     ['cannot delete namespace ("cn/") containing child namespaces']),
    *UNMAKE,
    ("root", "GET", f"@{BELOW}:kv/data/a", None, 404, NO_NAMESPACE),
    ("root", "GET", "cn/kv/data/a", None, 404, list),
    ("root", "DELETE", "sys/namespaces/nope", None, 200,
     {"data": None, "warnings": ["requested namespace does not exist"]}),
]

# Who may what across the border: policies belong to a namespace, name paths
# from there, and reach into what is below.
BORDERS = [
    *MAKE,
    *within(BELOW, [
        ("root", "POST", "sys/mounts/kv", {"type": "kv-v2"}, 204, None),
        policy("ct-in", "kv/data/*", "read", "create"),
        token("inner", "ct-in"),
        Row("inner", "POST", "kv/data/a", {"data": {"k": 1}}, settles=True),
    ]),
    ("root", "GET", "sys/policies/acl/ct-in", None, 404, []),
    policy("ct-out", "cn/fp01/kv/data/*", "read"),
    token("outer", "ct-out"),
    *within(BELOW, [
        ("inner", "GET", "kv/data/a", None, 200, None),
        ("inner", "GET", "auth/token/lookup-self", None, 200,
         {"data": {"namespace_path": "cn/fp01/"}}),
        ("inner", "POST", "sys/capabilities-self",
         {"paths": ["kv/data/a", "x"]}, 200,
         {"data": {"kv/data/a": ["create", "read"], "x": ["deny"]}}),
        ("inner", "GET", "sys/internal/ui/mounts/kv/a", None, 200,
         {"data": {"path": "kv/", "type": "kv", "options": {"version": "2"}}}),
        ("outer", "GET", "kv/data/a", None, 200, None),
        ("outer", "POST", "kv/data/a", {"data": {}}, 403, DENIED),
        (None, "GET", "kv/data/a", None, 403, NO_TOKEN),
        ("nonsense", "GET", "kv/data/a", None, 403, NO_TOKEN),
    ]),
    ("inner", "GET", "cn/fp01/kv/data/a", None, 200, None),
    ("inner", "GET", "kv/data/a", None, 403, DENIED),
    ("outer", "GET", "cn/fp01/kv/data/a", None, 200, None),
    ("outer", "GET", "kv/data/a", None, 403, DENIED),
    *within(BELOW, [
        ("root", "DELETE", "sys/policies/acl/ct-in", None, 204, None),
        ("inner", "GET", "kv/data/a", None, 403, DENIED),
    ]),
    *UNMAKE,
    ("inner", "GET", f"@{BELOW}:kv/data/a", None, 404, NO_NAMESPACE),
]

BAD_ID = ["invalid role or secret ID"]


def approle_login(status, expectation, **fields):
    return (None, "POST", "auth/ct-ar/login", fields, status, expectation)


ROLE = "auth/ct-ar/role/bridge"
APPROLE = [
    ("root", "POST", "sys/auth/ct-ar", {"type": "approle"}, 204, None),
    ("root", "LIST", "auth/ct-ar/role", None, 404, []),
    ("root", "POST", ROLE,
     {"token_policies": ["ct-bridge"], "token_ttl": "10m",
      "token_max_ttl": "1h", "secret_id_ttl": "24h",
      "token_no_default_policy": True}, 204, None),
    ("root", "GET", ROLE, None, 200,
     {"data": {"bind_secret_id": True, "secret_id_ttl": 86400,
               "secret_id_num_uses": 0, "token_policies": ["ct-bridge"],
               "token_ttl": 600, "token_max_ttl": 3600,
               "token_no_default_policy": True, "token_type": "default"}}),
    ("root", "LIST", "auth/ct-ar/role", None, 200,
     {"data": {"keys": ["bridge"]}}),
    ("root", "GET", "auth/ct-ar/role/nope", None, 404, []),
    ("root", "GET", "auth/ct-ar/role/nope/role-id", None, 404, []),
    ("root", "POST", "auth/ct-ar/role/nope/secret-id", {}, 404,
     ['role "nope" does not exist']),
    ("root", "POST", "auth/ct-ar/role/bad",
     {"token_ttl": "2h", "token_max_ttl": "1h"}, 400,
     ["'token_ttl' cannot be greater than 'token_max_ttl'"]),
    ("root", "POST", "auth/ct-ar/role/bad", {"token_ttl": "zz"}, 400,
     ['error converting input for field "token_ttl": time: invalid duration '
      '"zz"']),
    ("root", "GET", f"{ROLE}/role-id", None, 200,
     Keep(None, {"data": {"role_id": str}}, ct_role="data.role_id")),
    ("root", "POST", f"{ROLE}/secret-id", {}, 200,
     Keep(None, {"data": {"secret_id": str, "secret_id_accessor": str,
                          "secret_id_num_uses": 0, "secret_id_ttl": 86400}},
          ct_secret="data.secret_id", ct_accessor="data.secret_id_accessor")),
    ("root", "POST", f"{ROLE}/secret-id", {"num_uses": 1, "ttl": "1m"}, 200,
     Keep(None, {"data": {"secret_id_num_uses": 1, "secret_id_ttl": 60}},
          ct_once="data.secret_id")),
    ("root", "POST", f"{ROLE}/secret-id", {"metadata": '{"host": "a"}'}, 200,
     None),
    approle_login(200, Keep("bridge", {"auth": {
        "policies": ["ct-bridge"], "token_policies": ["ct-bridge"],
        "metadata": {"role_name": "bridge"}, "lease_duration": 600,
        "renewable": True, "token_type": "service", "orphan": True,
        "num_uses": 0}}), role_id="${ct_role}", secret_id="${ct_secret}"),
    approle_login(400, BAD_ID, role_id="${ct_role}", secret_id="no"),
    approle_login(400, BAD_ID, role_id="no", secret_id="${ct_secret}"),
    approle_login(400, ["missing secret_id"], role_id="${ct_role}"),
    approle_login(500, ["missing role_id"], secret_id="${ct_secret}"),
    (None, "POST", "auth/ct-ar/login", b"junk", 400, ["error parsing JSON"]),
    approle_login(200, None, role_id="${ct_role}", secret_id="${ct_once}"),
    approle_login(400, BAD_ID, role_id="${ct_role}", secret_id="${ct_once}"),
    ("bridge", "GET", "kv/data/a", None, 403, DENIED),
    policy("ct-bridge", "kv/data/a", "read"),
    ("bridge", "GET", "kv/data/a", None, {200, 404}, None),
    ("root", "POST", f"{ROLE}/secret-id/lookup",
     {"secret_id": "${ct_secret}"}, 200,
     {"data": {"secret_id_num_uses": 0, "secret_id_ttl": 86400,
               "creation_time": str, "expiration_time": str,
               "metadata": {}}}),
    ("root", "POST", f"{ROLE}/secret-id/lookup", {"secret_id": "no"}, 204,
     None),
    ("root", "POST", f"{ROLE}/secret-id-accessor/destroy",
     {"secret_id_accessor": "${ct_accessor}"}, 204, None),
    approle_login(400, BAD_ID, role_id="${ct_role}", secret_id="${ct_secret}"),
    ("root", "POST", f"{ROLE}/secret-id", {}, 200,
     Keep(None, ct_secret="data.secret_id")),
    ("root", "POST", f"{ROLE}/secret-id/destroy",
     {"secret_id": "${ct_secret}"}, 204, None),
    ("root", "POST", f"{ROLE}/secret-id/destroy",
     {"secret_id": "${ct_secret}"}, 204, None),
    approle_login(400, BAD_ID, role_id="${ct_role}", secret_id="${ct_secret}"),
    ("root", "DELETE", ROLE, None, 204, None),
    ("root", "DELETE", ROLE, None, 204, None),
    ("root", "GET", ROLE, None, 404, []),
    ("root", "DELETE", "sys/policies/acl/ct-bridge", None, 204, None),
    ("root", "DELETE", "sys/auth/ct-ar", None, 204, None),
    ("bridge", "GET", "auth/token/lookup-self", None, 403, NO_TOKEN),
    approle_login(403, NO_TOKEN, role_id="${ct_role}", secret_id="x"),
]

# The way a bridge gets its first credential: wrapped, in a namespace.
WRAPPED_SECRET_ID = [
    *MAKE,
    *within(BELOW, [
        ("root", "POST", "sys/auth/ct-ar", {"type": "approle"}, 204, None),
        ("root", "POST", "auth/ct-ar/role/r", {"token_ttl": "10m"}, 204, None),
        ("root", "GET", "auth/ct-ar/role/r/role-id", None, 200,
         Keep(None, ct_role="data.role_id")),
    ]),
    ("root", "POST", f"@{BELOW}:auth/ct-ar/role/r/secret-id", {}, 200,
     Keep(None, {"wrap_info": {"ttl": 60, "wrapped_accessor": str,
                               "creation_path":
                                   "auth/ct-ar/role/r/secret-id"}},
          ct_wrapped="wrap_info.token"), {"X-Vault-Wrap-TTL": "60s"}),
    (None, "POST", "sys/wrapping/lookup", {"token": "${ct_wrapped}"}, 200,
     {"data": {"creation_path": "auth/ct-ar/role/r/secret-id",
               "creation_ttl": 60, "creation_time": str}}),
    ("ct_wrapped", "POST", "sys/wrapping/unwrap", None, 200,
     Keep(None, ct_secret="data.secret_id")),
    approle_login(403, NO_TOKEN, role_id="${ct_role}",
                  secret_id="${ct_secret}"),
    *within(BELOW, [
        approle_login(200, Keep("bridge", {"auth": {
            "metadata": {"role_name": "r"}}}), role_id="${ct_role}",
            secret_id="${ct_secret}"),
        ("bridge", "POST", "auth/token/renew-self", {}, 200,
         {"auth": {"lease_duration": 600}}),
        ("bridge", "POST", "auth/token/revoke-self", {}, 204, None),
        ("bridge", "GET", "auth/token/lookup-self", None, 403, NO_TOKEN),
    ]),
    *UNMAKE,
]

USED = ["wrapping token is not valid or does not exist"]
WRAP = {"X-Vault-Wrap-TTL": "60s"}


def wrap(name, ttl="60s"):
    return ("root", "GET", "kv/data/w", None, 200, Keep(
        None, {"request_id": "", "data": None, "auth": None,
               "wrap_info": {"token": str, "accessor": str, "ttl": 60,
                             "creation_time": str,
                             "creation_path": "kv/data/w"}},
        **{name: "wrap_info.token"}), {"X-Vault-Wrap-TTL": ttl})


WRAPPING = [
    ("root", "POST", "kv/data/w", {"data": {"k": "v"}}, 200, None),
    wrap("w1"),
    (None, "POST", "sys/wrapping/lookup", {"token": "${w1}"}, 200,
     {"data": {"creation_path": "kv/data/w", "creation_ttl": 60}}),
    ("w1", "POST", "sys/wrapping/unwrap", None, 200,
     {"wrap_info": None, "data": {"data": {"k": "v"}}}),
    ("w1", "POST", "sys/wrapping/unwrap", None, 400, USED),
    (None, "POST", "sys/wrapping/lookup", {"token": "${w1}"}, 400, USED),
    # the token in the body, beside one of our own
    wrap("w2", "60"),
    ("root", "POST", "sys/wrapping/unwrap", {"token": "${w2}"}, 200,
     {"data": {"data": {"k": "v"}}}),
    ("root", "POST", "sys/wrapping/unwrap", {"token": "${w2}"}, 400, USED),
    wrap("w3"),
    (None, "POST", "sys/wrapping/unwrap", {"token": "${w3}"}, 403, NO_TOKEN),
    # anything else that is done with it spends it
    wrap("w4"),
    ("w4", "GET", "kv/data/w", None, 403, DENIED),
    ("w4", "POST", "sys/wrapping/unwrap", None, 400, USED),
    (None, "POST", "sys/wrapping/lookup", {"token": "s.nope"}, 400, USED),
    (None, "POST", "sys/wrapping/lookup", {}, 403,
     ["error validating wrapping token: token is empty"]),
    ("root", "POST", "sys/wrapping/unwrap", {}, 400, USED),
    # what failed, or has no answer, is not wrapped
    ("root", "GET", "kv/data/none", None, 404, [], WRAP),
    ("root", "PUT", "sys/policies/acl/ct-w", {"policy": "# x"}, 204, None,
     WRAP),
    ("root", "GET", "kv/data/w", None, 400,
     ['error parsing X-Vault-Wrap-TTL header: time: invalid duration "zz"'],
     {"X-Vault-Wrap-TTL": "zz"}),
    ("root", "GET", "kv/data/w", None, 400,
     ["error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be "
      "negative"], {"X-Vault-Wrap-TTL": "-5s"}),
    ("root", "GET", "kv/data/w", None, 200,
     {"wrap_info": None, "data": {"data": {"k": "v"}}},
     {"X-Vault-Wrap-TTL": "0"}),
    # a token that was wrapped
    ("root", "POST", "auth/token/create", {"policies": ["default"]}, 200,
     Keep(None, {"auth": None, "wrap_info": {"ttl": 300,
                                             "wrapped_accessor": str}},
          w5="wrap_info.token"), {"X-Vault-Wrap-TTL": "5m"}),
    ("w5", "POST", "sys/wrapping/unwrap", None, 200,
     Keep("unwrapped", {"auth": {"policies": ["default"]}})),
    ("unwrapped", "GET", "auth/token/lookup-self", None, 200, None),
]

CAPABILITIES = [
    ("root", "PUT", "sys/policies/acl/ct-cap", {"policy": "".join(
        f'path "{path}" {{ capabilities = [{what}] }}\n' for path, what in (
            ("kv/data/a", '"read", "create"'),
            ("kv/data/b/*", '"update", "list"'),
            ("kv/data/d", '"deny"'),
            ("sys/mounts", '"read", "sudo"'),
            ("auth/ct-x/role/+/secret-id", '"update"')))}, 204, None),
    token("asker", "ct-cap"),
    ("asker", "POST", "sys/capabilities-self",
     {"paths": ["kv/data/a", "kv/data/b/x", "kv/data/d", "sys/mounts", "none",
                "auth/ct-x/role/y/secret-id"]}, 200,
     {"data": {"kv/data/a": ["create", "read"],
               "kv/data/b/x": ["list", "update"], "kv/data/d": ["deny"],
               "sys/mounts": ["read", "sudo"], "none": ["deny"],
               "auth/ct-x/role/y/secret-id": ["update"]},
      "kv/data/a": ["create", "read"]}),
    ("asker", "POST", "sys/capabilities-self", {"paths": ["kv/data/a"]}, 200,
     {"data": {"capabilities": ["create", "read"],
               "kv/data/a": ["create", "read"]},
      "capabilities": ["create", "read"]}),
    ("asker", "POST", "sys/capabilities-self", {"path": "kv/data/a"}, 200,
     {"data": {"kv/data/a": ["create", "read"]}}),
    ("asker", "POST", "sys/capabilities-self", {}, 400,
     ["paths must be supplied"]),
    ("asker", "POST", "sys/capabilities-self", {"paths": []}, 400,
     ["paths must be supplied"]),
    ("root", "POST", "sys/capabilities-self", {"paths": ["a", "b"]}, 200,
     {"data": {"a": ["root"], "b": ["root"]}}),
    (None, "POST", "sys/capabilities-self", {"paths": ["a"]}, 403, NO_TOKEN),
    ("nonsense", "POST", "sys/capabilities-self", {"paths": ["a"]}, 403,
     NO_TOKEN),
    # the right to ask comes with the default policy
    token("bare", "ct-cap", no_default_policy=True),
    ("bare", "POST", "sys/capabilities-self", {"paths": ["kv/data/a"]}, 403,
     DENIED),
]

AUTH_MOUNTS = [
    ("root", "POST", "sys/auth/ct-m", {"type": "approle"}, 204, None),
    ("root", "POST", "sys/auth/ct-m", {"type": "approle"}, 400,
     ["path is already in use at ct-m/"]),
    ("root", "POST", "sys/auth/ct-n", {"type": "nope"}, 400,
     ["plugin not found in the catalog: nope"]),
    ("root", "POST", "sys/auth/ct-n", {}, 400,
     ["backend type must be specified as a string"]),
    ("root", "GET", "sys/auth", None, 200,
     {"data": {"ct-m/": {"type": "approle"}, "token/": {"type": "token"}}}),
    ("root", "GET", "sys/auth/ct-m", None, 200, {"data": {"type": "approle"}}),
    ("root", "GET", "sys/auth/nope", None, 400, ["No auth engine at nope/"]),
    ("root", "DELETE", "sys/auth/ct-m", None, 204, None),
    ("root", "DELETE", "sys/auth/ct-m", None, 204, None),
]


# ---- PKI

PKI_ROLE = {
    "allow_any_name": True, "enforce_hostnames": False, "require_cn": False,
    "allowed_uri_sans": ["pharos://*"], "allow_ip_sans": False,
    "key_type": "ec", "key_bits": 256, "ttl": "24h", "max_ttl": "24h",
    "server_flag": True, "client_flag": True, "use_csr_sans": False,
    "use_csr_common_name": False, "key_usage": ["DigitalSignature"],
    "not_before_duration": "30s"}


def openssl(*words, data=None):
    return subprocess.run(["openssl", *map(str, words)], check=True,
                          input=data, text=True, capture_output=True).stdout


def request(name, *kind, san=None):
    """A certificate request whose key nobody keeps."""
    kind = kind or ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    extra = ("-addext", f"subjectAltName={san}") if san else ()
    return openssl("req", "-new", "-nodes", "-keyout", "/dev/null", "-subj",
                   f"/CN={name}", "-newkey", *kind, *extra)


def certificate(*has, lacks=()):
    """What openssl reads out of it: each line of @has, none of @lacks."""
    def wrong(pem):
        text = openssl("x509", "-noout", "-text", data=pem)
        missing = [one for one in has if one not in text]
        present = [one for one in lacks if one in text]
        return f"lacks {missing}, has {present}:\n{text}" \
            if missing or present else None
    return wrong


def crl(names_somebody):
    def wrong(pem):
        text = openssl("crl", "-noout", "-text", data=pem.decode())
        found = "No Revoked Certificates" not in text
        return None if found == names_somebody else f"the CRL says {text}"
    return wrong


def sign(csr, status, expectation, **more):
    return ("root", "POST", "ct-pki/sign/broker", {"csr": csr, **more},
            status, expectation)


def pki_rows(_):
    good = request("from-the-request", san="DNS:evil.test")
    uri = "pharos://r/broker/b1"
    return [
        ("root", "POST", "sys/mounts/ct-pki",
         {"type": "pki", "config": {"max_lease_ttl": "87600h"}}, 204, None),
        ("root", "GET", "ct-pki/cert/ca", None, 400,
         ["no default issuer currently configured"]),
        ("root", "GET", "ct-pki/ca/pem", None, 204, None),
        sign(good, 400, ["unknown role: broker"]),
        ("root", "POST", "ct-pki/roles/broker", PKI_ROLE, 200,
         {"data": {"allowed_uri_sans": ["pharos://*"], "max_ttl": 86400}}),
        sign(good, 500,
             ["1 error occurred:\n\t* could not fetch the CA certificate (was "
              "one set?): no default issuer currently configured\n\n"]),
        ("root", "POST", "ct-pki/root/generate/nope", {"common_name": "x"},
         400, list),
        ("root", "POST", "ct-pki/root/generate/internal",
         {"common_name": "Pharos bridge CA", "ttl": "87600h", "key_type": "ec",
          "key_bits": 256, "issuer_name": "bridge", "max_path_length": 0,
          "uri_sans": "pharos://r/ca", "exclude_cn_from_sans": True}, 200,
         Keep(None, {"data": {
             "certificate": certificate(
                 "Subject: CN = Pharos bridge CA", "CA:TRUE, pathlen:0",
                 "URI:pharos://r/ca", "ASN1 OID: prime256v1",
                 lacks=("DNS:",)),
             "issuing_ca": str, "expiration": int, "issuer_id": str,
             "issuer_name": "bridge", "key_id": str, "serial_number": str}},
             ct_issuer="data.issuer_id")),
        ("root", "POST", "ct-pki/root/generate/internal",
         {"common_name": "x", "issuer_name": "bridge", "key_type": "ec"}, 400,
         ["issuer name already in use"]),
        (None, "GET", "ct-pki/ca/pem", None, 200,
         lambda pem: None if pem.startswith(b"-----BEGIN CERT") else pem),
        (None, "GET", "ct-pki/cert/ca", None, 200,
         {"data": {"certificate": certificate("CN = Pharos bridge CA")}}),
        *(Row(who, "LIST", "ct-pki/issuers", None, 200, {"data": {
            "keys": lambda keys: None if len(keys) == 1 else keys}},
            partial=True) for who in ("root", None)),
        (None, "GET", "ct-pki/issuer/default", None, 403, NO_TOKEN),
        Row("root", "GET", "ct-pki/issuer/default", None, 200,
            {"data": {"issuer_name": "bridge", "certificate": str}},
            partial=True),
        # the role says what a certificate may be
        ("root", "GET", "ct-pki/roles/broker", None, 200,
         {"data": {"key_type": "ec", "key_bits": 256, "ttl": 86400,
                   "use_csr_sans": False, "require_cn": False,
                   "server_flag": True, "client_flag": True,
                   "key_usage": ["DigitalSignature"],
                   "not_before_duration": 30}}),
        ("root", "GET", "ct-pki/roles/nope", None, 404, []),
        ("root", "LIST", "ct-pki/roles", None, 200,
         {"data": {"keys": ["broker"]}}),
        ("root", "POST", "ct-pki/roles/bad", {"key_type": "zz"}, 400,
         ["unknown key type zz"]),
        ("root", "POST", "ct-pki/roles/bad", {"ttl": "2h", "max_ttl": "1h"},
         400, ['"ttl" value must be less than "max_ttl" value']),
        # signing
        sign(good, 200, Keep(None, {"data": {
            "certificate": certificate(
                "Subject: CN = b1", f"URI:{uri}", "Digital Signature",
                "TLS Web Server Authentication, TLS Web Client Authentication",
                lacks=("evil.test", "from-the-request", "CA:TRUE",
                       "Key Encipherment")),
            "issuing_ca": certificate("CN = Pharos bridge CA"),
            "ca_chain": list, "serial_number": str, "expiration": int},
            "warnings": None}, ct_serial="data.serial_number"),
            common_name="b1", uri_sans=uri, exclude_cn_from_sans=True),
        sign(good, 200, {"warnings": [
            'TTL "48h0m0s" is longer than permitted maxTTL "24h0m0s", so '
            'maxTTL is being used']}, uri_sans=uri, ttl="48h"),
        sign(good, 400, ["URI Subject Alternative Names were provided via the "
                         "API which are not valid for this role"],
             common_name="b1", uri_sans="https://evil.test/"),
        sign(good, 400, ["IP Subject Alternative Names are not allowed in this"
                         " role, but was provided [10.0.0.1]"],
             common_name="b1", ip_sans="10.0.0.1"),
        sign(request("b", "rsa:2048"), 400,
             ["role requires keys of type ec"], uri_sans=uri),
        sign("junk", 400, ["csr contains no data"]),
        sign(good, 400, list, ttl="zz"),
        ("root", "POST", "ct-pki/sign/broker", {}, 400, ['"csr" is empty']),
        ("root", "POST", "ct-pki/sign/nope", {"csr": good}, 400,
         ["unknown role: nope"]),
        # reading back, revoking
        (None, "GET", "ct-pki/cert/${ct_serial}", None, 200,
         {"data": {"certificate": certificate("CN = b1"),
                   "revocation_time": 0}}),
        ("root", "GET", "ct-pki/cert/00:11", None, 404, []),
        (None, "GET", "ct-pki/crl/pem", None, 200, crl(False)),
        ("root", "POST", "ct-pki/revoke", {}, 400,
         ["The serial number or certificate to revoke must be provided."]),
        ("root", "POST", "ct-pki/revoke", {"serial_number": "00:11"}, 400,
         ["certificate with serial 00:11 not found."]),
        ("root", "POST", "ct-pki/revoke", {"serial_number": "${ct_serial}"},
         200, {"data": {"state": "revoked", "revocation_time": int,
                        "revocation_time_rfc3339": str}}),
        ("root", "POST", "ct-pki/revoke", {"serial_number": "${ct_serial}"},
         200, {"data": {"state": "revoked"}}),
        (None, "GET", "ct-pki/crl/pem", None, 200, crl(True)),
        (None, "GET", "ct-pki/cert/${ct_serial}", None, 200,
         {"data": {"revocation_time": int, "issuer_id": "${ct_issuer}"}}),
        # who may sign
        policy("ct-sign", "ct-pki/sign/broker", "update"),
        token("signer", "ct-sign"),
        ("signer", "POST", "ct-pki/sign/broker",
         {"csr": good, "uri_sans": uri}, 200, None),
        ("signer", "POST", "ct-pki/sign/other", {"csr": good}, 403, DENIED),
        ("signer", "POST", "ct-pki/roles/broker", PKI_ROLE, 403, DENIED),
        ("signer", "POST", "ct-pki/revoke", {"serial_number": "00"}, 403,
         DENIED),
        (None, "POST", "ct-pki/sign/broker", {"csr": good}, 403, NO_TOKEN),
        ("root", "DELETE", "ct-pki/roles/broker", None, 204, None),
        ("root", "DELETE", "sys/mounts/ct-pki", None, 204, None),
    ]


# ---- a cluster's part of the store, as `pharos source register` makes it

DEEP = "ct-r/fp01/"
SIGNS = {
    "allowed_domains": ["bridge.pharos"],
    "allowed_uri_sans": ["pharos://r/bridge/*"], "key_type": "ec",
    "key_bits": 256, "key_usage": ["DigitalSignature"], "ttl": 86400,
    "max_ttl": 86400, "not_before_duration": 300,
    "allow_bare_domains": True, "enforce_hostnames": True,
    "server_flag": True, "client_flag": True, "no_store": True,
    "allow_any_name": False, "allow_glob_domains": False,
    "allow_subdomains": False, "allow_localhost": False,
    "allow_wildcard_certificates": False, "allow_ip_sans": False,
    "require_cn": False, "use_csr_common_name": False,
    "use_csr_sans": False, "cn_validations": ["disabled"]}
LOGIN = {"token_policies": ["ct-r-bridge"], "token_no_default_policy": True,
         "bind_secret_id": True, "token_ttl": 3600, "token_max_ttl": 86400}
MAY = {"path": {
    f"{DEEP}pharos/data/registration": {"capabilities": ["read", "update"]},
    f"{DEEP}pki/sign/bridge": {"capabilities": ["update"]},
    f"auth/{DEEP}jwt/config": {"capabilities": ["update"]},
    "auth/token/renew-self": {"capabilities": ["update"]}}}


def made(kind, path, status, body, there):
    """A mount: missing, made, there."""
    at = f"sys/{kind}/{DEEP}{path}"
    missing = "No auth engine" if kind == "auth" else \
        "No secret engine mount"
    return [("root", "GET", at, None, 400, [f"{missing} at {DEEP}{path}/"]),
            ("root", "POST", at, body, status, None),
            ("root", "GET", at, None, 200, {"data": there})]


def signs(status, expectation, **more):
    csr = request("from-the-request", san="DNS:evil.test")
    return ("bridge", "POST", f"{DEEP}pki/sign/bridge",
            {"csr": csr, "exclude_cn_from_sans": True, **more}, status,
            expectation)


def cluster_rows(_):
    uri = "pharos://r/bridge/b1"
    record = f"{DEEP}pharos/data/registration"
    role = f"auth/{DEEP}approle/role/bridge"
    return [
        ("root", "GET", record, None, 404, list),
        *made("mounts", "pharos", 204,
              {"type": "kv", "options": {"version": "2"},
               "description": "Pharos: the registration"},
              {"type": "kv", "options": {"version": "2"},
               "description": "Pharos: the registration"}),
        *made("mounts", "pki", 204,
              {"type": "pki", "config": {"max_lease_ttl": 315360000}},
              {"type": "pki", "config": {"max_lease_ttl": 315360000}}),
        *made("auth", "jwt", 204, {"type": "jwt"}, {"type": "jwt"}),
        *made("auth", "approle", 204, {"type": "approle"},
              {"type": "approle"}),
        Row("root", "GET", f"{DEEP}pharos/config", None, 200,
            {"data": {"cas_required": False}}, settles=True),
        Row("root", "POST", f"{DEEP}pharos/config", {"cas_required": True},
            204, None, settles=True),
        ("root", "GET", f"{DEEP}pharos/config", None, 200,
         {"data": {"cas_required": True}}),
        ("root", "GET", f"{DEEP}pki/cert/ca", None, 400,
         ["no default issuer currently configured"]),
        ("root", "POST", f"{DEEP}pki/root/generate/internal",
         {"common_name": "Pharos bridge CA", "issuer_name": "pharos-bridge",
          "ttl": 315360000, "key_type": "ec", "key_bits": 256,
          "max_path_length": 0, "exclude_cn_from_sans": True}, 200,
         {"data": {"certificate": certificate(
             "Subject: CN = Pharos bridge CA", "CA:TRUE, pathlen:0",
             "ASN1 OID: prime256v1", lacks=("DNS:",))}}),
        ("root", "GET", f"{DEEP}pki/cert/ca", None, 200,
         {"data": {"certificate": str}}),
        ("root", "GET", f"{DEEP}pki/roles/bridge", None, 404, []),
        ("root", "POST", f"{DEEP}pki/roles/bridge", SIGNS, 200, None),
        ("root", "GET", f"{DEEP}pki/roles/bridge", None, 200,
         {"data": SIGNS}),
        ("root", "POST", "sys/policies/acl/ct-r-bridge",
         {"policy": json.dumps(MAY)}, 204, None),
        ("root", "GET", "sys/policies/acl/ct-r-bridge", None, 200,
         {"data": {"policy": json.dumps(MAY)}}),
        ("root", "GET", role, None, 404, []),
        ("root", "POST", role, LOGIN, 204, None),
        ("root", "GET", role, None, 200, {"data": LOGIN}),
        ("root", "GET", f"{role}/role-id", None, 200,
         Keep(None, {"data": {"role_id": str}}, ct_role="data.role_id")),
        ("root", "POST", f"{role}/secret-id", {}, 200,
         Keep(None, {"data": {"secret_id_ttl": 0, "secret_id_num_uses": 0}},
              ct_secret="data.secret_id")),
        ("root", "POST", record, {"data": {"state": "pending"}}, 400,
         ["check-and-set parameter required for this call"]),
        ("root", "POST", record,
         {"options": {"cas": 0}, "data": {"state": "pending"}}, 200,
         {"data": {"version": 1}}),
        # what the bridge does
        (None, "POST", f"auth/{DEEP}approle/login",
         {"role_id": "${ct_role}", "secret_id": "${ct_secret}"}, 200,
         Keep("bridge", {"auth": {"policies": ["ct-r-bridge"],
                                  "lease_duration": 3600}})),
        ("bridge", "GET", record, None, 200,
         {"data": {"data": {"state": "pending"},
                   "metadata": {"version": 1}}}),
        ("bridge", "POST", record,
         {"options": {"cas": 1}, "data": {"state": "active"}}, 200,
         {"data": {"version": 2}}),
        ("bridge", "POST", record,
         {"options": {"cas": 1}, "data": {"state": "active"}}, 400,
         ["check-and-set parameter did not match the current version"]),
        ("bridge", "POST", f"auth/{DEEP}jwt/config", {}, 400, list),
        ("bridge", "GET", f"auth/{DEEP}jwt/config", None, 403, DENIED),
        ("bridge", "POST", "auth/token/renew-self", {}, 200, None),
        ("bridge", "GET", "auth/token/lookup-self", None, 403, DENIED),
        # its certificate; the common name is anything, and in no SAN
        signs(200, {"data": {"certificate": certificate(
            "Subject: CN = pod-1", f"URI:{uri}", "DNS:bridge.pharos",
            "TLS Web Server Authentication, TLS Web Client Authentication",
            lacks=("evil.test", "DNS:pod-1"))}},
            common_name="pod-1", uri_sans=uri, alt_names="bridge.pharos",
            ttl="24h"),
        signs(400, list, common_name="pod-1", uri_sans=uri,
              exclude_cn_from_sans=False),
        *(signs(400, list, **{"uri_sans": uri, **names}) for names in (
            {"alt_names": "evil.test"}, {"alt_names": "x.bridge.pharos"},
            {"alt_names": "*.pharos"}, {"alt_names": "localhost"},
            {"ip_sans": "10.0.0.1"}, {"uri_sans": "pharos://r/broker/b1"},
            {"uri_sans": "pharos://q/bridge/b1"})),
        # what is taken back
        ("root", "DELETE", f"{DEEP}pharos/metadata/registration", None, 204,
         None),
        ("root", "GET", record, None, 404, []),
        *(("root", "DELETE", f"sys/{path}", None, 204, None) for path in (
            f"mounts/{DEEP}pharos", f"mounts/{DEEP}pki", f"auth/{DEEP}jwt",
            f"auth/{DEEP}approle", "policies/acl/ct-r-bridge")),
    ]


CASES = [
    Case("namespaces", NAMESPACES, first=LEFT_OVER),
    Case("namespace borders", BORDERS, first=LEFT_OVER),
    Case("AppRole", APPROLE, first=("sys/auth/ct-ar",)),
    Case("wrapped secret id", WRAPPED_SECRET_ID, first=LEFT_OVER),
    Case("response wrapping", WRAPPING),
    Case("capabilities-self", CAPABILITIES),
    Case("auth mounts", AUTH_MOUNTS, first=("sys/auth/ct-m",)),
    Case("PKI", pki_rows,
         first=("sys/mounts/ct-pki",)),
    Case("a cluster's part, behind a prefix", cluster_rows,
         first=tuple(f"sys/{kind}/{DEEP}{name}" for kind, name in (
             ("mounts", "pharos"), ("mounts", "pki"), ("auth", "jwt"),
             ("auth", "approle")))),
]
