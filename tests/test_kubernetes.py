"""The Kustomize base builds, and says the same as the code it starts."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from portal import metrics

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "deploy" / "kubernetes"


@pytest.fixture(scope="module")
def written() -> list[dict[str, Any]]:
    """Every object of the base's files, as they are written."""
    objects = []
    for name in yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]:
        objects += list(yaml.safe_load_all((BASE / name).read_text()))
    return objects


def _pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    kinds = ("Deployment", "Job")
    return {
        o["metadata"]["name"]: o["spec"]["template"]["spec"] for o in objects if o["kind"] in kinds
    }


def _kustomization() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    return parsed


def test_kubectl_builds_the_base(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(BASE, tmp_path / "base")
    made = [ROOT / "deploy" / "make-secrets", tmp_path / "base" / "secrets"]
    subprocess.run(made, check=True, capture_output=True)
    build = ["kubectl", "kustomize", str(tmp_path / "base")]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = [o for o in yaml.safe_load_all(done.stdout) if o]
    names = {o["metadata"]["name"] for o in built if o["kind"] in ("ConfigMap", "Secret")}
    for pod in _pods(built).values():
        asked = {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
        asked |= {f["configMapRef"]["name"] for f in pod["containers"][0]["envFrom"]}
        assert asked == names, "Pods name what was generated, with its hash."


def test_every_pod_is_unprivileged_read_only_and_limited(written: list[dict[str, Any]]) -> None:
    pods = _pods(written)
    assert set(pods) == {"web", "worker", "beat", "prepare"}
    for pod in pods.values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            limits = container["securityContext"]
            assert limits["readOnlyRootFilesystem"] is True
            assert limits["allowPrivilegeEscalation"] is False
            assert limits["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_commands_are_those_of_the_compose_file(written: list[dict[str, Any]]) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    pods = _pods(written)
    for name in ("worker", "beat", "prepare"):
        assert pods[name]["containers"][0]["command"] == services[name]["command"]
    served = re.search(r"^CMD (\[.*serve.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert served is not None
    assert pods["web"]["containers"][0]["command"] == yaml.safe_load(served[1])


def test_every_setting_is_read_by_the_portal() -> None:
    source = (ROOT / "portal" / "settings.py").read_text()
    known = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    literals = _kustomization()["configMapGenerator"][0]["literals"]
    names = {line.partition("=")[0].removesuffix("_FILE") for line in literals}
    assert names <= known


def test_probes_ask_under_a_host_name_that_is_allowed(written: list[dict[str, Any]]) -> None:
    container = _pods(written)["web"]["containers"][0]
    literals = dict(x.split("=", 1) for x in _kustomization()["configMapGenerator"][0]["literals"])
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        asked = container[probe]["httpGet"]
        assert asked["path"] == path
        assert {h["name"]: h["value"] for h in asked["httpHeaders"]} == {
            "Host": literals["ALLOWED_HOSTS"]
        }


@pytest.mark.django_db
def test_the_scalers_follow_queues_that_are_measured(written: list[dict[str, Any]]) -> None:
    scalers = [o["spec"] for o in written if o["kind"] == "HorizontalPodAutoscaler"]
    asked = {
        part["metric"]["name"]
        for spec in scalers
        for metric in spec["metrics"]
        for part in metric.values()
        if isinstance(part, dict)
    }
    told = generate_latest(metrics.registry()).decode()
    assert asked == {"livegate_frames_waiting", "livegate_tasks_waiting"}
    assert all(f"# TYPE {name} " in told for name in asked)
