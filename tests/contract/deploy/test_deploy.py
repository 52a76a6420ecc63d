"""The files of deploy/: they build, they fit the schemas of several Kubernetes releases, and they fit the services."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry

from moshi_backend.settings import Settings as MoshiSettings
from moshi_backend.telemetry import metrics as moshi_metrics
from moshi_frontend.discovery import find_moshi
from moshi_frontend.settings import Settings as FrontendSettings
from moshi_frontend.telemetry import metrics as frontend_metrics
from moshi_service.settings import ServiceSettings

ROOT = Path(__file__).parents[3]
OVERLAYS = sorted(path.name for path in (ROOT / "deploy/kubernetes/overlays").iterdir())
KUSTOMIZE = ROOT / ".state/kustomize/usr/bin/kustomize"
RELEASES = ("1.31", "1.33", "1.35", "1.37")
SERVICES: dict[str, type[ServiceSettings]] = {"moshi": MoshiSettings, "frontend": FrontendSettings}
CUSTOM = {path.stem: json.loads(path.read_text()) for path in (ROOT / "tests/fixtures/schemas").glob("*.json")}
"""Schemas by kind that are not part of Kubernetes. Each has only the fields that deploy/ uses."""

type Document = dict[str, Any]


@cache
def built(overlay: str) -> tuple[Document, ...]:
    """The documents of an overlay."""
    return tuple(build(ROOT / "deploy/kubernetes/overlays" / overlay))


def build(folder: Path) -> Iterator[Document]:
    """As tools/setup-kustomize lets it be built here."""
    command = [KUSTOMIZE, "build"] if KUSTOMIZE.exists() else ["kubectl", "kustomize"]
    done = subprocess.run([*command, folder], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    yield from yaml.safe_load_all(done.stdout)


def of_kind(overlay: str, kind: str) -> Iterator[Document]:
    return (document for document in built(overlay) if document["kind"] == kind)


def pods(overlay: str) -> Iterator[Document]:
    """The specifications of all pods."""
    for kind in ("Deployment", "Job"):
        yield from (document["spec"]["template"]["spec"] for document in of_kind(overlay, kind))


def containers(overlay: str) -> Iterator[Document]:
    for pod in pods(overlay):
        yield from [*pod["containers"], *pod.get("initContainers", [])]


def main_container(overlay: str, service: str) -> Document:
    """Of a service's Deployment."""
    (deployment,) = [one for one in of_kind(overlay, "Deployment") if one["metadata"]["name"] == service]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return {**container, "grace": pod["terminationGracePeriodSeconds"]}


def settings_of(environment: dict[str, str], service: str) -> ServiceSettings:
    """The variables as the service reads them; each that looks like a setting must be one."""
    model = SERVICES[service]
    fields = {
        str(info.validation_alias or f"{model.prefix()}{name.upper()}"): name
        for name, info in model.model_fields.items()
    }
    named = {name for name in environment if name.startswith(("MOSHI_", "FRONTEND_"))} - {"MOSHI_URL"}
    assert named <= fields.keys(), named - fields.keys()
    given = {name: value for name, value in environment.items() if name in named and value is not None}
    return model.model_validate({fields[name] if name != "MOSHI_API_TOKEN" else name: given[name] for name in given})


def pause(container: Document) -> float:
    """Seconds before it is told to stop."""
    hook = container.get("lifecycle", {}).get("preStop", {"sleep": {"seconds": 0}})
    return float(hook["sleep"]["seconds"])


def variables(container: Document) -> dict[str, str]:
    return {entry["name"]: entry.get("value") for entry in container.get("env", [])}


@pytest.mark.parametrize("release", RELEASES)
def test_every_document_fits_the_schemas_of_kubernetes(release: str) -> None:
    documents = {json.dumps(document): document for overlay in OVERLAYS for document in built(overlay)}
    for document in documents.values():
        if document["kind"] in CUSTOM:
            jsonschema.validate(document, CUSTOM[document["kind"]])
        else:
            kubernetes_validate.validate(document, release, strict=True)


def test_the_schemas_find_a_misspelt_field_and_a_wrong_type() -> None:
    (good, *_) = of_kind("demo-cpu", "Service")
    for changed in (good["spec"] | {"publishNotReadyAdresses": True}, good["spec"] | {"ports": "8998"}):
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(good | {"spec": changed}, RELEASES[-1], strict=True)
    (route,) = of_kind("gateway", "HTTPRoute")
    (scaled, _) = of_kind("keda", "ScaledObject")
    for custom, changed in ((route, {"hostname": "talk.example"}), (scaled, {"minReplicaCount": "1"})):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(custom | {"spec": custom["spec"] | changed}, CUSTOM[custom["kind"]])


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_a_setting_and_the_drain_fits_the_grace_period(overlay: str, service: str) -> None:
    container = main_container(overlay, service)
    settings = settings_of(variables(container), service)
    assert isinstance(settings, MoshiSettings | FrontendSettings)
    assert container["grace"] >= pause(container) + settings.drain_seconds + 30
    if isinstance(settings, MoshiSettings):
        assert settings.drain_seconds >= settings.session_seconds
    else:
        assert pause(container) > 0  # else an Ingress sends people to a frontend that refuses them


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("service", SERVICES)
def test_every_probe_asks_a_path_that_there_is_at_a_port_that_there_is(overlay: str, service: str) -> None:
    container = main_container(overlay, service)
    paths = json.loads((ROOT / f"docs/reference/openapi-{service}.json").read_text())["paths"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {"readinessProbe", "livenessProbe"} <= container.keys()
    for probe in [container[name]["httpGet"] for name in container if name.endswith("Probe")]:
        assert probe["path"] in paths
        assert ports[probe["port"]] == SERVICES[service].model_fields["port"].default


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_frontend_finds_moshi_by_the_name_of_its_headless_service(overlay: str) -> None:
    (url,) = [variables(one)["MOSHI_URL"] for one in containers(overlay) if "MOSHI_URL" in variables(one)]
    (service,) = [one for one in of_kind(overlay, "Service") if one["metadata"]["name"] == "moshi"]
    assert service["spec"]["clusterIP"] == "None"
    (name,) = find_moshi({"MOSHI_URL": url})
    assert str(name) == f"dns+http://moshi:{service['spec']['ports'][0]['port']}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted(overlay: str) -> None:
    for pod in pods(overlay):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False  # a Service named moshi would set MOSHI_PORT
        assert pod["securityContext"]["runAsNonRoot"] is True
    for container in containers(overlay):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


def reached(overlay: str, labels: dict[str, str]) -> dict[str, set[int]]:
    """The ports that pods with these labels may reach: `anywhere`, or by the label of the pods or the namespace."""
    ports: dict[str, set[int]] = {}
    for policy in (document["spec"] for document in of_kind(overlay, "NetworkPolicy")):
        if policy["podSelector"].get("matchLabels", {}).items() <= labels.items():
            assert "Egress" in policy["policyTypes"] or "egress" not in policy
            for rule in policy.get("egress", []):
                (peer,) = rule.get("to", [{"everybody": {"matchLabels": {"": "anywhere"}}}])
                (selector,) = peer.values()
                (name,) = selector["matchLabels"].values()
                ports[name] = ports.get(name, set()) | {port["port"] for port in rule["ports"]}
    return ports


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_reaches_dns_and_a_collector_and_is_open_for_prometheus(overlay: str) -> None:
    metrics = {9464}
    for deployment in of_kind(overlay, "Deployment"):
        template = deployment["spec"]["template"]
        ports = reached(overlay, template["metadata"]["labels"])
        assert 53 in ports["anywhere"]
        assert ports["monitoring"] == {4317, 4318}
        (container,) = template["spec"]["containers"]
        annotations = template["metadata"]["annotations"]
        assert {int(annotations["prometheus.io/port"])} == metrics
        assert metrics < {port["containerPort"] for port in container["ports"]}
    (policy,) = [one for one in of_kind(overlay, "NetworkPolicy") if one["metadata"]["name"] == "telemetry"]
    assert [{port["port"] for port in rule["ports"]} for rule in policy["spec"]["ingress"]] == [metrics]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_a_pod_that_downloads_reaches_the_internet_and_has_the_token_of_the_hub(overlay: str) -> None:
    for kind in ("Deployment", "Job"):
        for document in of_kind(overlay, kind):
            template = document["spec"]["template"]
            pod = template["spec"]
            everything = [*pod["containers"], *pod.get("initContainers", [])]
            downloads = [one for one in everything if "HF_TOKEN" in variables(one)]
            assert reached(overlay, template["metadata"]["labels"])["anywhere"] == ({53, 443} if downloads else {53})
            for container in everything:
                model = variables(container).get("MOSHI_MODEL", "demo")
                offline = variables(container).get("HF_HUB_OFFLINE") == "1"
                assert model == "demo" or offline != (container in downloads)


@pytest.mark.parametrize("overlay", ["pvc", "keda", "gateway"])
def test_a_job_downloads_the_weights_that_moshi_loads(overlay: str) -> None:
    (job,) = of_kind(overlay, "Job")
    (download,) = job["spec"]["template"]["spec"]["containers"]
    moshi = main_container(overlay, "moshi")
    assert download["args"] == ["download"]
    assert variables(moshi)["MOSHI_MODEL"] == variables(download)["MOSHI_MODEL"]
    (claim,) = of_kind(overlay, "PersistentVolumeClaim")
    (pod, *_) = [pod for pod in pods(overlay) if "initContainers" in pod]
    named = [volume["persistentVolumeClaim"] for volume in pod["volumes"] if volume["name"] == "weights"]
    assert named == [{"claimName": claim["metadata"]["name"], "readOnly": True}]
    # An update changes the Job, which Kubernetes refuses while the old one is there.
    assert job["spec"]["ttlSecondsAfterFinished"] > 0


def test_weights_may_come_from_an_image() -> None:
    (pod,) = [pod for pod in pods("image") if pod["containers"][0]["name"] == "moshi"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "weights"]
    assert volume == {"name": "weights", "image": {"reference": "registry.example/scenario6-weights:1"}}
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "weights"]
    assert mount == {"name": "weights", "mountPath": "/var/cache/huggingface", "readOnly": True}


def test_the_images_are_those_of_this_release() -> None:
    release = version("moshi-backend")
    for overlay in OVERLAYS:
        images = {one["image"] for one in containers(overlay)}
        assert images == {f"scenario6-{name}:{release}" for name in SERVICES}
    compose = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
    named = {one["image"] for one in compose["services"].values()}
    assert named == {f"scenario6-{name}:{release}" for name in SERVICES}


def test_an_overlay_of_your_own_names_images_by_digest(tmp_path: Path) -> None:
    """The one in docs/how-to/scale.md."""
    page = (ROOT / "docs/how-to/scale.md").read_text()
    (_, example) = page.split("```yaml\n")
    own = yaml.safe_load(example.partition("```")[0])
    (base,) = own["resources"]
    own["resources"] = [os.path.relpath(ROOT / "my-cluster" / base, tmp_path)]
    for image in own["images"]:
        assert image["digest"] == "sha256:…"
        image["digest"] = f"sha256:{'0' * 64}"
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    deployments = [one for one in build(tmp_path) if one["kind"] in ("Deployment", "Job")]
    assert {
        container["image"]
        for one in deployments
        for pod in [one["spec"]["template"]["spec"]]
        for container in [*pod["containers"], *pod.get("initContainers", [])]
    } == {f"registry.example/scenario6-{name}@sha256:{'0' * 64}" for name in SERVICES}


def gauges_in_prometheus() -> set[str]:
    """Their names as OpenTelemetry's exporter writes them."""
    registry = CollectorRegistry()
    meter = MeterProvider([PrometheusMetricReader(registry=registry)]).get_meter("names")
    for metric in (*moshi_metrics.INSTRUMENTS.all, *frontend_metrics.INSTRUMENTS.all):
        if metric.kind == "gauge":
            meter.create_observable_gauge(metric.name, [lambda _: [Observation(1)]], metric.unit)
    return {family.name for family in registry.collect()}


def test_scaling_asks_for_metrics_that_there_are() -> None:
    for scaled in of_kind("keda", "ScaledObject"):
        assert scaled["spec"]["scaleTargetRef"]["name"] in SERVICES
        (trigger,) = scaled["spec"]["triggers"]
        assert trigger["type"] == "prometheus"
        assert float(trigger["metadata"]["threshold"]) > 0
        names = set(re.findall(r"\b(?:moshi|frontend)_\w+", trigger["metadata"]["query"]))
        assert names and names <= gauges_in_prometheus()


def test_an_update_does_not_undo_the_scaling() -> None:
    assert [one for one in of_kind("keda", "Deployment") if "replicas" in one["spec"]] == []


def test_the_route_leads_to_the_frontend() -> None:
    (route,) = of_kind("gateway", "HTTPRoute")
    assert list(of_kind("gateway", "Ingress")) == []
    (rule,) = route["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "frontend", "port": FrontendSettings.model_fields["port"].default}]
    (service,) = [one for one in of_kind("gateway", "Service") if one["metadata"]["name"] == "frontend"]
    assert service["spec"]["ports"][0]["port"] == rule["backendRefs"][0]["port"]


def test_compose_gives_each_gpu_a_moshi_and_all_of_them_one_name() -> None:
    compose = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
    services = compose["services"]
    moshis = [one for name, one in services.items() if name.startswith("moshi-")]
    assert all(one["networks"]["default"]["aliases"] == ["moshi"] for one in moshis)
    (name,) = find_moshi({"MOSHI_URL": services["frontend"]["environment"]["MOSHI_URL"]})
    assert str(name) == "dns+http://moshi:8998"
    devices = [one["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for one in moshis]
    assert devices == [["0"], ["1"]]
    for one, service in ((services["frontend"], "frontend"), *((moshi, "moshi") for moshi in moshis)):
        settings = settings_of(one["environment"], service)
        assert isinstance(settings, MoshiSettings | FrontendSettings)
        assert float(one["stop_grace_period"].removesuffix("s")) >= settings.drain_seconds + 30


def test_the_compose_file_for_the_demo_changes_settings_that_there_are() -> None:
    text = (ROOT / "deploy/compose/demo.yaml").read_text().replace("!reset null", "null")
    services = yaml.safe_load(text)["services"]
    compose = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
    assert services.keys() == {name for name in compose["services"] if name.startswith("moshi-")}
    for name, service in services.items():
        settings = settings_of(compose["services"][name]["environment"] | service["environment"], "moshi")
        assert isinstance(settings, MoshiSettings) and settings.model == "demo"
        assert service["deploy"] is None  # no GPU
