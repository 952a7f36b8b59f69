"""README's way from nothing to a secret, run as it is printed: its command lines
are taken from there, with this lab's addresses in place of the examples."""
import os
import pathlib
import re
import shlex
import subprocess

import pytest

from conftest import names_hosts
from lab import parts
from lab.joined import ACCOUNT, HOST, NAMESPACE, Joined, StandIn, under_hosts
from lab.parts import program

README = pathlib.Path(__file__).parents[2] / "README.md"
SECTION = "## A cluster, from nothing to a secret"

pytestmark = [
    names_hosts,
    pytest.mark.skipif(
        "source" not in subprocess.run(
            [program("pharos"), "--help"], text=True, capture_output=True,
            check=False).stdout,
        reason="a release without libcurl")]


def command_lines():
    """Those of the section, each on one line."""
    text = README.read_text().partition(SECTION)[2].partition("\n## ")[0]
    code = [line.strip() for line in text.splitlines()
            if line.startswith("    ")]
    joined = "\n".join(code).replace("\\\n", " ")
    return [line for line in joined.splitlines()
            if re.match(r"(pharos|bao)\b", line)]


def words_of(line, meant):
    """@meant: what stands for the examples."""
    for example, own in meant.items():
        line = re.sub(rf"(?<![\w-]){re.escape(example)}(?![\w-])", str(own),
                      line)
    return shlex.split(line)


def test_the_three_steps_are_true(tmp_path):
    lines = dict(zip(("fingerprint", "register", "bridge", "broker", "grant",
                      "ca", "wrapper"), command_lines(), strict=True))
    with parts.Lab(tmp_path) as lab, StandIn(tmp_path) as cluster:
        lab.make_certificates()
        lab.start_devstore()
        beacon = lab.start_beacon()
        here = Joined(lab, tmp_path, cluster, [])
        token = tmp_path / "broker-token"
        token.write_text(cluster.token(
            NAMESPACE, ACCOUNT, cluster.own_audience(),
            ("broker-1", cluster.add_pod(NAMESPACE, "broker-1", ACCOUNT))))
        here.token_file().rename(tmp_path / "token")
        env = {name: value for name, value in os.environ.items()
               if not name.startswith("PHAROS_")
               and not name.lower().endswith("_proxy")}
        env |= {"PHAROS_" + name: str(value) for name, value in {
            "SECRETSTORE_CA": lab.server_ca, "VAULT_CA": lab.server_ca,
            "BEACON_CA": lab.server_ca, "LISTEN": "127.0.0.1:0"}.items()}
        meant = {"https://127.0.0.1:8200":
                 lab.store.base.removesuffix("/v1/"),
                 "beacon.example.com:443": f"127.0.0.1:{beacon.port}"}

        def say(name, **more):
            name, *words = words_of(lines[name], meant)
            done = subprocess.run([program(name), *words], text=True,
                                  capture_output=True, check=False,
                                  cwd=tmp_path, env={**env, **more})
            assert done.returncode == 0, (words, done.stderr)
            return done.stdout.strip()

        def start(name, **more):
            name, *words = words_of(lines[name], meant)
            return lab.start(name, *words, cwd=tmp_path,
                             env={**env, **more}, side="store")

        meant["F"] = say("fingerprint", KUBECONFIG=str(
            here.kubeconfig("admin", cluster.admin())))
        meant["pharos-join-v1.AQAV..."] = here.join = say("register")
        start("bridge").wait_for("waiting at beacon", 20)
        broker = start("broker", PHAROS_KUBECONFIG=str(
            here.kubeconfig("pod", {"tokenFile": str(token)})))
        broker.wait_for("tunnel up", 20)
        home = "cloudtaser/" + meant["F"].replace("-", "").lower()[:8]
        here.answer = {"namespace": home,
                       "info_hash": info_hash(here.ca_file())}
        here.write_secret("team-a/web", password="of the README")
        say("grant")
        reads_the_ca(lab, words_of(lines["ca"], {
            "cloudtaser/m24ppin6": home}), tmp_path / "ca.crt")
        wrapper = lab.start(*words_of(lines["wrapper"], {
            f"https://{HOST}:8199":
                f"https://{HOST}:{lab.port_of(broker, 'pods')}",
            "/var/run/secrets/pharos/token":
                here.pod_token("team-a", "web"),
            "/var/run/secrets/pharos/broker-token":
                here.pod_token("team-a", "web", "pharos-broker"),
            "/usr/bin/web": "/bin/sh -c 'echo got $PASSWORD'"}),
            cwd=tmp_path, side="cluster",
            under=under_hosts(tmp_path, {HOST: "127.0.0.1"}))
        wrapper.wait_for("got of the README$", 25)
        assert wrapper.wait() == 0


def info_hash(ca_file):
    return subprocess.run(
        [program("pharos"), "pki", "info-hash", ca_file], check=True,
        text=True, capture_output=True).stdout.strip()


def reads_the_ca(lab, words, to):
    """What `bao read` does: no client of the store is installed here."""
    assert words[:2] == ["bao", "read"] and words[-2:] == [">", "ca.crt"]
    where = words[2].removeprefix("-namespace=")
    field = words[3].removeprefix("-field=")
    answer = lab.store.must("GET", f"{where}/{words[4]}")
    to.write_text(answer["data"][field])
