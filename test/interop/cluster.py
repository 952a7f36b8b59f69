"""What a Kubernetes API server answers to the calls that Pharos makes: who the
cluster is, its keys, a token for an audience, a token's review, a ConfigMap
(rows.py says how a row reads).

All of it is what kube-apiserver 1.37.1 was seen to answer. Its answers have more
members than Pharos looks at, so every row is partial. "root" may everything.
"""
from .rows import Case, Keep, Row

TOKEN = "api/v1/namespaces/pharos/serviceaccounts/operator/token"
REVIEW = "apis/authentication.k8s.io/v1/tokenreviews"
KIND = {"apiVersion": "authentication.k8s.io/v1"}
SYSTEM = "api/v1/namespaces/kube-system"
MAPS = "api/v1/namespaces/pharos/configmaps"
MAP = f"{MAPS}/pharos-bridge"
MERGE = {"Content-Type": "application/merge-patch+json"}


def refused(reason, message, **more):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "reason": reason, "message": message, **more}


def request(audiences, seconds=600, pod="p1", uid="${pod_uid}"):
    return {**KIND, "kind": "TokenRequest", "spec": {
        "audiences": audiences, "expirationSeconds": seconds,
        "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": pod,
                           "uid": uid}}}


def review(token, *audiences):
    named = {"audiences": list(audiences)} if audiences else {}
    return {**KIND, "kind": "TokenReview", "spec": {"token": token, **named}}


def begins(text):
    return lambda seen: None if seen.startswith(text) else \
        f"{seen!r} does not begin with {text!r}"


CLUSTER = [
    ("root", "GET", SYSTEM, None, 200,
     {"kind": "Namespace", "metadata": {"name": "kube-system", "uid": str}}),
    ("root", "GET", "api/v1/namespaces/nope", None, 404,
     refused("NotFound", 'namespaces "nope" not found', code=404)),
    (None, "GET", SYSTEM, None, 403,
     refused("Forbidden", 'namespaces "kube-system" is forbidden: User '
             '"system:anonymous" cannot get resource "namespaces" in API group'
             ' "" in the namespace "kube-system"', code=403)),
    ("nonsense", "GET", SYSTEM, None, 401,
     refused("Unauthorized", "Unauthorized", code=401)),
]

KEYS = [
    ("root", "GET", "openid/v1/jwks", None, 406, refused(
        "NotAcceptable", "406: Not Acceptable\n\nAvailable representations: "
        "application/jwk-set+json", code=406), {"Accept": "application/json"}),
    ("root", "GET", "openid/v1/jwks", None, 200, {"keys": lambda keys: None
     if {"use": "sig", "kty": "EC", "crv": "P-256", "alg": "ES256"}.items()
     <= keys[0].items() and {"kid", "x", "y"} <= set(keys[0]) else keys}),
    ("root", "GET", ".well-known/openid-configuration", None, 200,
     {"issuer": begins("https://"), "jwks_uri": begins("https://"),
      "response_types_supported": ["id_token"],
      "subject_types_supported": ["public"],
      "id_token_signing_alg_values_supported": ["ES256"]}),
    (None, "GET", "openid/v1/jwks", None, 403,
     refused("Forbidden", 'forbidden: User "system:anonymous" cannot get path '
             '"/openid/v1/jwks"')),
    (None, "GET", ".well-known/openid-configuration", None, 403,
     refused("Forbidden", 'forbidden: User "system:anonymous" cannot get path '
             '"/.well-known/openid-configuration"')),
]

TOKENS = [
    ("root", "POST", TOKEN, request(["pharos:one"]), 201, Keep(
        None, {"kind": "TokenRequest",
               "spec": {"audiences": ["pharos:one"], "expirationSeconds": 600},
               "status": {"token": begins("eyJ"),
                          "expirationTimestamp": str}},
        issued="status.token")),
    ("root", "POST", TOKEN, request(["pharos:one"], 60), 422,
     refused("Invalid", 'TokenRequest.authentication.k8s.io "" is invalid: '
             "spec.expirationSeconds: Invalid value: 60: may not specify a "
             "duration less than 10 minutes", code=422)),
    ("root", "POST", TOKEN, request(["pharos:one"], uid="other"), 409,
     refused("Conflict", begins('Operation cannot be fulfilled on Pod "p1": '
                                "the UID in the bound object reference (other)"
                                " does not match"), code=409)),
    ("root", "POST", TOKEN, request(["pharos:one"], pod="none"), 404,
     refused("NotFound", 'pods "none" not found')),
    ("root", "POST", TOKEN.replace("operator", "none"),
     request(["pharos:one"]), 404,
     refused("NotFound", 'serviceaccounts "none" not found')),
    (None, "POST", TOKEN, request(["pharos:one"]), 403,
     refused("Forbidden", begins("serviceaccounts "))),
    # a token for others is none for the API server
    ("issued", "POST", TOKEN, request(["pharos:one"]), 401,
     refused("Unauthorized", "Unauthorized")),
    ("root", "POST", REVIEW, review("${issued}", "pharos:one"), 201,
     {"kind": "TokenReview", "status": {
         "authenticated": True, "audiences": ["pharos:one"], "user": {
             "username": "system:serviceaccount:pharos:operator", "uid": str,
             "extra": {"authentication.kubernetes.io/pod-name": ["p1"],
                       "authentication.kubernetes.io/pod-uid":
                           ["${pod_uid}"]}}}}),
    ("root", "POST", REVIEW, review("${issued}", "pharos:one", "other"), 201,
     {"status": {"authenticated": True, "audiences": ["pharos:one"]}}),
    ("root", "POST", REVIEW, review("${issued}", "other"), 201,
     {"status": {"user": {}, "error": str}}),
    ("root", "POST", REVIEW, review("${issued}"), 201,
     {"status": {"user": {}, "error": str}}),
    ("root", "POST", REVIEW, review("junk", "pharos:one"), 201,
     {"status": {"user": {}, "error": "invalid bearer token"}}),
    ("root", "POST", REVIEW, review("${issued}A", "pharos:one"), 201,
     {"status": {"user": {}, "error": str}}),
    (None, "POST", REVIEW, review("${issued}", "pharos:one"), 403,
     refused("Forbidden", "tokenreviews.authentication.k8s.io is forbidden: "
             'User "system:anonymous" cannot create resource "tokenreviews" in'
             ' API group "authentication.k8s.io" at the cluster scope')),
    ("root", "POST", REVIEW, review("", "pharos:one"), 400,
     refused("BadRequest",
             "token is required for TokenReview in authentication")),
    # of a pod that is gone; the real one remembers for some seconds
    Row("root", "POST", REVIEW, review("${gone}", "pharos:one"), 201,
        {"status": {"user": {}, "error": lambda error: None
                    if "service account token has been invalidated" in error
                    else error}}, settles=True),
]


def config_map(**data):
    return {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "pharos-bridge"}, "data": data}


def change(version=None, **data):
    return ({"metadata": {"resourceVersion": version}} if version else {}) | {
        "data": {name.replace("_", "."): text for name, text in data.items()}}


def exactly(**data):
    wanted = {name.replace("_", "."): text for name, text in data.items()}
    return {"data": lambda seen: None if seen == wanted else seen}


def lacks_data(seen):
    return None if not seen.get("data") else seen


INTRODUCTION = [
    ("root", "GET", MAP, None, 404,
     refused("NotFound", 'configmaps "pharos-bridge" not found', code=404)),
    ("root", "PATCH", MAP, change(words="a"), 404,
     refused("NotFound", 'configmaps "pharos-bridge" not found'), MERGE),
    ("root", "POST", MAPS.replace("pharos", "none", 1),
     config_map(words="a"), 404,
     refused("NotFound", 'namespaces "none" not found')),
    ("root", "POST", MAPS, config_map(words="a b", other="stays"), 201, Keep(
        None, {"kind": "ConfigMap", "metadata": {
            "name": "pharos-bridge", "namespace": "pharos",
            "resourceVersion": str}, "data": {"words": "a b"}},
        first="metadata.resourceVersion")),
    ("root", "POST", MAPS, config_map(words="a b"), 409,
     refused("AlreadyExists", 'configmaps "pharos-bridge" already exists')),
    ("root", "GET", MAP, None, 200,
     {"metadata": {"resourceVersion": "${first}"}}),
    ("root", "PATCH", MAP, change(words="a"), 415,
     refused("UnsupportedMediaType", "415: Unsupported Media Type")),
    ("root", "PATCH", MAP, change("${first}", words=None, ca_crt="PEM"), 200,
     exactly(other="stays", ca_crt="PEM"), MERGE),
    ("root", "PATCH", MAP, change("${first}", words="c"), 409,
     refused("Conflict", 'Operation cannot be fulfilled on configmaps '
             '"pharos-bridge": the object has been modified; please apply your'
             " changes to the latest version and try again"), MERGE),
    ("root", "GET", MAP, None, 200, exactly(other="stays", ca_crt="PEM")),
    ("root", "PATCH", MAP, change(ca_crt=None, other=None), 200, lacks_data,
     MERGE),
    ("root", "PATCH", MAP, change(words="d"), 200, exactly(words="d"), MERGE),
    (None, "GET", MAP, None, 403,
     refused("Forbidden", 'configmaps "pharos-bridge" is forbidden: User '
             '"system:anonymous" cannot get resource "configmaps" in API group'
             ' "" in the namespace "pharos"')),
    (None, "PATCH", MAP, change(words="e"), 403,
     refused("Forbidden", 'configmaps "pharos-bridge" is forbidden: User '
             '"system:anonymous" cannot patch resource "configmaps" in API '
             'group "" in the namespace "pharos"'), MERGE),
    (None, "POST", MAPS, config_map(), 403,
     refused("Forbidden", 'configmaps is forbidden: User "system:anonymous" '
             'cannot create resource "configmaps" in API group "" in the '
             'namespace "pharos"')),
]


def partial(rows):
    return [Row(*row)._replace(partial=True) for row in rows]


CASES = [
    Case("cluster", partial(CLUSTER)),
    Case("cluster keys", partial(KEYS)),
    Case("cluster tokens", partial(TOKENS)),
    Case("cluster introduction", partial(INTRODUCTION)),
]
