"""How a case reads that is played on two servers: our stand-in and the real one.

A row is (who, method, path, body, status, expectation), then what it rarely
needs: headers, settles, partial, standin.
Who is a token's name: "root", None (no token), or one that an earlier row kept
with Keep. A status may be a set: any of these.
The expectation is None, the list of errors, or a part of the answer: every
member named must be there with that value, a type stands for any value of it, a
function says itself what is wrong. Times and ids differ and are not named.
A path "@a/b:rest" is asked in the namespace a/b, which a header names.
What Keep kept stands for itself as ${name} in paths, bodies and headers.
A row that settles is asked again until it fits, for some seconds: the real
server answers before it is done.
A row that is partial is one where the stand-in may leave members out: it says
nothing about what it does not do.
A row with standin=False is one that the stand-in does not answer yet; a run on
it leaves the row out and names it.
"""
import base64
import http.client
import json
import ssl
import string
import time
import typing
import urllib.parse


class Row(typing.NamedTuple):
    who: typing.Optional[str]
    method: str
    path: str
    body: typing.Any = None
    status: typing.Any = 200
    expectation: typing.Any = None
    headers: typing.Optional[dict] = None
    settles: bool = False
    partial: bool = False
    standin: bool = True

    def __str__(self):
        return f"{self.who or 'nobody'} {self.method} {self.path}"


class Case(typing.NamedTuple):
    """Rows that belong together, in order. @rows is a list, or what makes one
    when given a folder for keys. @first is deleted before, if it is there."""
    name: str
    rows: typing.Any
    first: tuple = ()

    def made(self, folder):
        rows = self.rows(folder) if callable(self.rows) else self.rows
        return [Row(*row) for row in rows]


class Keep:
    """Remember parts of an answer: the token given as @name, and others by
    where they are, secret="data.secret_id"."""

    def __init__(self, name=None, part=None, **others):
        self.part = part
        self.where = others
        if name:
            self.where = {name: "auth.client_token", **others}

    def take(self, answer):
        return {name: reach(answer, where)
                for name, where in self.where.items()}


def reach(answer, where):
    for step in where.split("."):
        answer = answer[step]
    return answer


def within(namespace, rows):
    """The same rows in a namespace."""
    return [Row(*row)._replace(path=f"@{namespace}:{Row(*row).path}")
            for row in rows]


def not_yet(rows):
    return [Row(*row)._replace(standin=False) for row in rows]


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# ---- what an answer has to be

def differs(expected, seen, where="answer"):
    """Where the answer is not what was expected; None if it is."""
    if isinstance(expected, type):
        if isinstance(seen, expected):
            return None
    elif callable(expected):
        wrong = expected(seen)
        return f"{where}: {wrong}" if wrong else None
    elif isinstance(expected, dict) and isinstance(seen, dict):
        for name, value in expected.items():
            if name not in seen:
                return f"{where} has no {name}"
            found = differs(value, seen[name], f"{where}.{name}")
            if found:
                return found
        # an empty object is expected to be empty
        return f"{where} is not empty" if not expected and seen else None
    elif isinstance(expected, list) and isinstance(seen, list) \
            and where.endswith(("policies", ".capabilities")):
        if sorted(expected) == sorted(seen):
            return None
    elif expected == seen:
        return None
    return f"{where} is {seen!r}, expected {expected!r}"


def check_row(row, status, answer, fill):
    """What is wrong with the answer to a row; None if nothing. @fill puts what
    was kept into what is expected."""
    wanted, expectation = row.status, row.expectation
    if status not in (wanted if isinstance(wanted, set) else {wanted}):
        return f"status {status}, expected {wanted}: {answer}"
    if isinstance(expectation, Keep):
        expectation = expectation.part
    expectation = fill(expectation)
    if isinstance(expectation, list) or expectation is list:
        expectation = {"errors": expectation}
    return None if expectation is None else differs(expectation, answer)


# ---- playing

class Player:
    """A client that keeps what rows tell it to keep. @base is the path before
    each row's; @bearer is how a token is shown."""

    def __init__(self, address, token, ca=None, base="/v1/",
                 bearer=("X-Vault-Token", "")):
        url = urllib.parse.urlsplit(address)
        self.base, self.bearer = base, bearer
        self.kept = {"root": token}
        if url.scheme == "https":
            self.connection = http.client.HTTPSConnection(
                url.hostname, url.port, timeout=30,
                context=ssl.create_default_context(cafile=ca))
        else:
            self.connection = http.client.HTTPConnection(
                url.hostname, url.port, timeout=30)

    def fill(self, value):
        """What was kept in place of its name."""
        if isinstance(value, str):
            return string.Template(value).safe_substitute(self.kept)
        if isinstance(value, dict):
            return {name: self.fill(one) for name, one in value.items()}
        return [self.fill(one) for one in value] \
            if isinstance(value, list) else value

    def call(self, who, method, path, body=None, headers=None):
        """Return (status, the answer: JSON, bytes if it is none, or None)."""
        sent = {"Content-Type": "application/json",
                **self.fill(headers or {})}
        if path.startswith("@"):
            sent["X-Vault-Namespace"], path = path[1:].split(":", 1)
        if who:
            name, prefix = self.bearer
            sent[name] = prefix + self.kept.get(who, who)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(self.fill(body)).encode()
        self.connection.request(method, self.base + self.fill(path), body,
                                sent)
        answer = self.connection.getresponse()
        text = answer.read()
        if not text.strip():
            return answer.status, None
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(text) if is_json else text

    def play_row(self, row):
        """Return (status, answer, what is wrong or None)."""
        until = time.monotonic() + (60 if row.settles else 0)
        while True:
            status, answer = self.call(row.who, row.method, row.path,
                                       row.body, row.headers)
            wrong = check_row(row, status, answer, self.fill)
            if not wrong or time.monotonic() >= until:
                break
            time.sleep(0.05)
        if not wrong and isinstance(row.expectation, Keep):
            self.kept.update(row.expectation.take(answer))
        return status, answer, wrong

    def begin(self, case):
        for path in case.first:
            self.call("root", "DELETE", path)

    def play(self, rows, standin=False):
        """All rows; return those that were left out."""
        left_out = []
        for row in rows:
            if standin and not row.standin:
                left_out.append(str(row))
                continue
            wrong = self.play_row(row)[2]
            assert not wrong, f"{row}: {wrong}"
        return left_out
