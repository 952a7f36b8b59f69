"""A stand-in for a Kubernetes API server: the calls that Pharos makes, over
HTTPS, with real tokens.

It signs ServiceAccount tokens (ES256 or RS256) as an API server does, bound to
a pod where that is asked for, publishes the keys, and reviews tokens: a deleted
pod, another audience, an old key. Who may do what is a set of rights for each
user; refusals are worded as the real ones are.

    with KubeApi(folder) as api:
        api.users["some-token"] = ("jane", {"namespaces", "discovery"})
        text = api.kubeconfig({"token": "some-token"})
"""
import base64
import datetime
import hashlib
import http.server
import ipaddress
import json
import pathlib
import ssl
import threading
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric import utils

from .configmaps import ConfigMaps, Refused

RIGHTS = frozenset({"namespaces", "discovery", "tokens", "reviews",
                    "maps.get", "maps.create", "maps.patch"})
SERVER_NAME = "kubernetes.default.svc"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, size=None):
    return b64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


# ---- keys and tokens

class Key:
    """One signing key of a cluster."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        if algorithm == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = rsa.generate_private_key(65537, 2048)
        spki = self.private.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)
        self.kid = b64url(hashlib.sha256(spki).digest())

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        if self.algorithm == "ES256":
            kind = {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32),
                    "y": number(numbers.y, 32)}
        else:
            kind = {"kty": "RSA", "n": number(numbers.n),
                    "e": number(numbers.e)}
        return {"use": "sig", "alg": self.algorithm, "kid": self.kid, **kind}

    def sign(self, claims):
        head = {"alg": self.algorithm, "kid": self.kid}
        text = ".".join(b64url(json.dumps(part).encode())
                        for part in (head, claims))
        if self.algorithm == "ES256":
            pair = utils.decode_dss_signature(self.private.sign(
                text.encode(), ec.ECDSA(hashes.SHA256())))
            signature = b"".join(n.to_bytes(32, "big") for n in pair)
        else:
            signature = self.private.sign(text.encode(), padding.PKCS1v15(),
                                          hashes.SHA256())
        return f"{text}.{b64url(signature)}"

    def verify(self, token):
        text, _, signature = token.rpartition(".")
        signature = from_b64url(signature)
        public = self.private.public_key()
        if self.algorithm == "ES256":
            half = [int.from_bytes(part, "big")
                    for part in (signature[:32], signature[32:])]
            public.verify(utils.encode_dss_signature(*half), text.encode(),
                          ec.ECDSA(hashes.SHA256()))
        else:
            public.verify(signature, text.encode(), padding.PKCS1v15(),
                          hashes.SHA256())


class State:
    """What a cluster knows, apart from how it is asked."""

    def __init__(self, issuer="https://kubernetes.default.svc.cluster.local",
                 algorithms=("ES256",)):
        self.issuer = issuer
        self.uid = str(uuid.uuid4())
        self.keys = [Key(name) for name in algorithms]  # the last one signs
        self.accounts = {("default", "default"): str(uuid.uuid4())}
        self.pods = {}
        self.maps = ConfigMaps()
        self.now = time.time

    def rotate(self, algorithm="ES256", keep_old=True):
        """A new key signs from now on."""
        self.keys = (self.keys if keep_old else []) + [Key(algorithm)]

    def add_pod(self, namespace, name, account="default"):
        self.accounts.setdefault((namespace, account), str(uuid.uuid4()))
        self.pods[namespace, name] = str(uuid.uuid4())
        return self.pods[namespace, name]

    def delete_pod(self, namespace, name):
        del self.pods[namespace, name]

    def jwks(self):
        return {"keys": [key.jwk() for key in self.keys]}

    def discovery(self):
        return {"issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/openid/v1/jwks",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": sorted(
                    {key.algorithm for key in self.keys})}

    def namespace(self, name):
        if name != "kube-system":
            raise Refused(404, "NotFound", f'namespaces "{name}" not found')
        return {"kind": "Namespace", "apiVersion": "v1",
                "metadata": {"name": name, "uid": self.uid}}

    def bound_pod(self, namespace, wish):
        name = wish["name"]
        if (namespace, name) not in self.pods:
            raise Refused(404, "NotFound", f'pods "{name}" not found')
        if wish.get("uid") not in (None, self.pods[namespace, name]):
            raise Refused(409, "Conflict",
                          f'Operation cannot be fulfilled on Pod "{name}": the '
                          f'UID in the bound object reference ({wish["uid"]}) '
                          "does not match the UID in record. The object might "
                          "have been deleted and then recreated")
        return {"name": name, "uid": self.pods[namespace, name]}

    def request_token(self, namespace, account, body):
        spec = body["spec"]
        seconds = spec.get("expirationSeconds", 3600)
        if (namespace, account) not in self.accounts:
            raise Refused(404, "NotFound",
                          f'serviceaccounts "{account}" not found')
        if seconds < 600:
            raise Refused(422, "Invalid",
                          'TokenRequest.authentication.k8s.io "" is invalid: '
                          f"spec.expirationSeconds: Invalid value: {seconds}: "
                          "may not specify a duration less than 10 minutes")
        who = {"namespace": namespace, "serviceaccount": {
            "name": account, "uid": self.accounts[namespace, account]}}
        if spec.get("boundObjectRef"):
            who["pod"] = self.bound_pod(namespace, spec["boundObjectRef"])
        now = int(self.now())
        token = self.keys[-1].sign({
            "iss": self.issuer, "aud": spec["audiences"] or [self.issuer],
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "iat": now, "nbf": now, "exp": now + seconds,
            "jti": str(uuid.uuid4()), "kubernetes.io": who})
        until = datetime.datetime.fromtimestamp(
            now + seconds, datetime.timezone.utc)
        return {"kind": "TokenRequest",
                "apiVersion": "authentication.k8s.io/v1", "spec": spec,
                "status": {"token": token, "expirationTimestamp":
                           until.strftime("%Y-%m-%dT%H:%M:%SZ")}}

    def claims_of(self, token):
        """Claims of a good token; ValueError says why it is none."""
        try:
            head, body = (json.loads(from_b64url(part))
                          for part in token.split(".")[:2])
            key = next(k for k in self.keys if k.kid == head["kid"])
            key.verify(token)
        except Exception as error:
            raise ValueError("invalid bearer token") from error
        if not body["nbf"] <= self.now() < body["exp"]:
            raise ValueError("token has expired")
        who = body["kubernetes.io"]
        pod = who.get("pod")
        if pod and self.pods.get((who["namespace"], pod["name"])) != pod["uid"]:
            raise ValueError("service account token has been invalidated")
        return body

    def judge(self, spec):
        try:
            claims = self.claims_of(spec["token"])
        except ValueError as error:
            return {"user": {}, "error": str(error)}
        wanted = spec.get("audiences") or [self.issuer]
        found = [name for name in claims["aud"] if name in wanted]
        if not found:
            return {"user": {}, "error": f"token audiences {claims['aud']} is "
                    f"invalid for the target audiences {wanted}"}
        who, extra = claims["kubernetes.io"], {}
        if "pod" in who:
            extra = {f"authentication.kubernetes.io/pod-{part}":
                     [who["pod"][part]] for part in ("name", "uid")}
        return {"authenticated": True, "audiences": found,
                "user": {"username": claims["sub"], "extra": extra,
                         "uid": who["serviceaccount"]["uid"]}}

    def review(self, body):
        if not body["spec"]["token"]:
            raise Refused(400, "BadRequest",
                          "token is required for TokenReview in authentication")
        return {"kind": "TokenReview",
                "apiVersion": "authentication.k8s.io/v1",
                "spec": body["spec"], "status": self.judge(body["spec"])}


# ---- certificates

class Authority:
    """A CA of certificates for the API server and for its users."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self._build("kubernetes", self.key, [
            (x509.BasicConstraints(True, None), True)])

    def _build(self, name, key, extensions):
        now = datetime.datetime.utcnow()
        subject = x509.Name([x509.NameAttribute(
            x509.NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(
            self.cert.subject if name != "kubernetes" else subject, subject,
            key.public_key(), x509.random_serial_number(),
            now - datetime.timedelta(minutes=5),
            now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, hosts=()):
        """(certificate, key), both PEM; without hosts it is a user's."""
        names = [x509.IPAddress(ipaddress.ip_address(host))
                 if host[0].isdigit() else x509.DNSName(host)
                 for host in hosts]
        usage = x509.ExtendedKeyUsageOID
        extensions = [(x509.ExtendedKeyUsage(
            [usage.SERVER_AUTH if hosts else usage.CLIENT_AUTH]), False)]
        if hosts:
            extensions.append((x509.SubjectAlternativeName(names), False))
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._build(name, key, extensions)
        return (self.pem(cert), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode())

    @staticmethod
    def pem(cert):
        return cert.public_bytes(serialization.Encoding.PEM).decode()


# ---- the server

NAMED, ANY = '"{name}" ', ""


def map_words(verb, which):
    return f'configmaps {which}is forbidden: User "{{user}}" cannot {verb} ' \
        'resource "configmaps" in API group "" in the namespace "{namespace}"'


CALLS = [  # method, what the path begins and ends with, right, words of a refusal
    ("GET", "/api/v1/namespaces/", "/configmaps/pharos-bridge", "maps.get",
     map_words("get", NAMED)),
    ("PATCH", "/api/v1/namespaces/", "/configmaps/pharos-bridge", "maps.patch",
     map_words("patch", NAMED)),
    ("POST", "/api/v1/namespaces/", "/configmaps", "maps.create",
     map_words("create", ANY)),
    ("GET", "/api/v1/namespaces/", "", "namespaces",
     'namespaces "kube-system" is forbidden: User "{user}" cannot get resource '
     '"namespaces" in API group "" in the namespace "kube-system"'),
    ("GET", "/.well-known/openid-configuration", "", "discovery",
     'forbidden: User "{user}" cannot get path '
     '"/.well-known/openid-configuration"'),
    ("GET", "/openid/v1/jwks", "", "discovery",
     'forbidden: User "{user}" cannot get path "/openid/v1/jwks"'),
    ("POST", "/api/v1/namespaces/", "/token", "tokens",
     'serviceaccounts is forbidden: User "{user}" cannot create resource '
     '"serviceaccounts/token" in API group ""'),
    ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", "", "reviews",
     'tokenreviews.authentication.k8s.io is forbidden: User "{user}" cannot '
     'create resource "tokenreviews" in API group "authentication.k8s.io" at '
     "the cluster scope"),
]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def log_message(self, *_):
        pass

    def send(self, status, body, kind="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def user_of(self, token):
        """A token that the lab gave out, or one of a ServiceAccount for this
        API server."""
        if token in self.server.users:
            return self.server.users[token]
        said = self.server.state.judge({"token": token})
        if not said.get("authenticated"):
            raise Refused(401, "Unauthorized", "Unauthorized")
        name = said["user"]["username"]
        return name, self.server.rights.get(name, frozenset())

    def who(self):
        """(name, rights) of who asks."""
        login = self.headers.get("Authorization", "")
        if login:
            return self.user_of(login.removeprefix("Bearer "))
        for part in (self.connection.getpeercert() or {}).get("subject", ()):
            name = dict(part).get("commonName")
            return name, self.server.rights.get(name, frozenset())
        return "system:anonymous", frozenset()

    def allow(self, path):
        name, rights = self.who()
        self.server.seen.append((self.command, path, name))
        for method, start, end, right, words in CALLS:
            if method == self.command and path.startswith(start) \
                    and path.endswith(end):
                if right not in rights:
                    raise Refused(403, "Forbidden", words.format(
                        user=name, name=path.rpartition("/")[2],
                        namespace=path.split("/")[4:5] and
                        path.split("/")[4]))
                return
        raise Refused(404, "NotFound",
                      "the server could not find the requested resource")

    def key_set_kind(self):
        """The API server has keys in this representation alone."""
        kind = "application/jwk-set+json"
        if not {"*/*", kind} & set(
                self.headers.get("Accept", "*/*").replace(" ", "").split(",")):
            raise Refused(406, "NotAcceptable", "406: Not Acceptable\n\n"
                          f"Available representations: {kind}")
        return kind

    def perform(self, path, body):
        state, parts = self.server.state, path.split("/")
        if path.endswith("/token"):
            return 201, state.request_token(parts[4], parts[6], body)
        if path.endswith("/tokenreviews"):
            return 201, state.review(body)
        if "configmaps" in parts:
            return state.maps.answer(
                parts, body, self.headers.get("Content-Type"),
                {namespace for namespace, _ in state.accounts})
        if path == "/openid/v1/jwks":
            return 200, state.jwks(), self.key_set_kind()
        if path == "/.well-known/openid-configuration":
            return 200, state.discovery()
        return 200, state.namespace(parts[4])

    def answer(self):
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size)) if size else None
        path = self.path.removeprefix(self.server.prefix)
        if path in self.server.instead:
            self.send(*self.server.instead[path])
            return
        try:
            self.allow(path)
            self.send(*self.perform(path, body))
        except Refused as refused:
            self.send(refused.code, refused.body())

    do_GET = do_POST = do_PATCH = answer


class KubeApi(http.server.ThreadingHTTPServer):
    """The API server; state is what it knows, users who may ask it.

    host: for which its certificate is; it listens on 127.0.0.1 anyway
    prefix: a path before all others, as behind a management server
    """
    daemon_threads = True

    def __init__(self, folder, state=None, prefix="", host="127.0.0.1"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = pathlib.Path(folder)
        self.state = state or State()
        self.prefix = prefix
        self.users = {"admin-token": ("admin", RIGHTS)}  # by token
        # by a certificate's common name, or a ServiceAccount's user name
        self.rights = {"admin": RIGHTS}
        self.instead = {}  # by path: (status, body[, content type])
        self.seen = []  # (method, path, user)
        self.authority = Authority()
        self.ca = Authority.pem(self.authority.cert)
        self.socket = self._context(host).wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server_address[1]}{prefix}"
        threading.Thread(target=self.serve_forever, args=(0.02,),
                         daemon=True).start()

    def _context(self, host):
        (self.folder / "api.ca").write_text(self.ca)
        (self.folder / "api.pem").write_text(
            "".join(self.authority.issue("apiserver", [host])))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "api.pem")
        context.load_verify_locations(self.folder / "api.ca")
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def handle_error(self, *_):
        pass

    def kubeconfig(self, user, cluster=None):
        """A kubeconfig as a mapping; JSON is YAML."""
        data = base64.b64encode(self.ca.encode()).decode()
        return {
            "apiVersion": "v1", "kind": "Config", "preferences": {},
            "current-context": "lab",
            "contexts": [{"name": "lab", "context": {
                "cluster": "one", "user": "me", "namespace": "team-a"}}],
            "clusters": [{"name": "one", "cluster": {
                "server": self.url, "certificate-authority-data": data,
                **(cluster or {})}}],
            "users": [{"name": "me", "user": user}]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
