"""deploy/kubernetes is valid, and agrees with the image, the entrypoint and the settings."""

import re
import shutil

import pytest
import yaml

from tests.support.live import ROOT
from tests.support.validators import graceful_timeout, parts_of_the_service, settings_of_config, validate

FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS = {
    (document["kind"], document["metadata"]["name"]): document
    for name in KUSTOMIZATION["resources"]
    for document in yaml.safe_load_all((FOLDER / name).read_text())
}
WEB = OBJECTS["Deployment", "pangeo-forge"]["spec"]
VERSIONS = ("1.25", "1.37")


def templates():
    """The pods of all objects, by the name of the object."""
    for (kind, name), document in OBJECTS.items():
        spec = document["spec"]
        if kind == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            yield name, spec["template"]


PODS = dict(templates())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The file that `kubectl apply --kustomize` would send to a cluster."""
    path = tmp_path_factory.mktemp("kubernetes") / "built.yaml"
    path.write_text(validate("kubectl", "kustomize", FOLDER))
    return path


def overlay(folder):
    """A folder beside a copy of the base, with the overlay that the documentation shows."""
    page = (ROOT / "docs" / "operating" / "kubernetes.md").read_text()
    text = re.search(r"```yaml\n(apiVersion: kustomize.*?)```", page, re.DOTALL)[1]
    remote = "https://github.com/OWNER/REPOSITORY//deploy/kubernetes?ref=v1.0.0"
    assert remote in text
    shutil.copytree(FOLDER, folder / "base")
    (folder / "production").mkdir()
    (folder / "production" / "kustomization.yaml").write_text(text.replace(remote, "../base"))
    return folder / "production"


def test_the_overlay_of_the_documentation_changes_the_image_the_host_and_the_settings(tmp_path):
    built = validate("kubectl", "kustomize", overlay(tmp_path))
    documents = {document["kind"]: document for document in yaml.safe_load_all(built)}
    assert {document["metadata"]["namespace"] for document in documents.values()} == {"pangeo-forge"}
    assert documents["Ingress"]["spec"]["rules"][0]["host"] == "forge.example.org"
    assert documents["ConfigMap"]["data"]["PUBLIC_URL"] == "https://forge.example.org"
    (container,) = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.org/pangeo-forge-api:1.0.0"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_objects_fit_the_schemas_of_kubernetes(built, version):
    validate("kubernetes-validate", "--strict", "--kubernetes-version", version, built)


def test_the_base_names_every_file_of_the_folder():
    files = {path.name for path in FOLDER.glob("*.yaml")}
    assert files == {"kustomization.yaml", *KUSTOMIZATION["resources"]}


def test_the_pods_use_the_settings_that_kustomize_builds(built):
    documents = list(yaml.safe_load_all(built.read_text()))
    (settings,) = [document for document in documents if document["kind"] == "ConfigMap"]
    assert set(settings["data"]) <= settings_of_config() | {"WEB_CONCURRENCY"}
    sources = built.read_text().count(f"name: {settings['metadata']['name']}\n")
    assert sources == 1 + len(PODS)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_that_it_does_not_need(name):
    spec = PODS[name]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} == set(container["resources"])


@pytest.mark.parametrize("name", PODS)
def test_a_pod_runs_as_the_user_of_the_image(name):
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    context = PODS[name]["spec"]["securityContext"]
    assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user.groups()


@pytest.mark.parametrize("name", PODS)
def test_a_pod_runs_a_part_of_the_entrypoint(name):
    (container,) = PODS[name]["spec"]["containers"]
    assert set(container["args"]) <= set(parts_of_the_service())


def test_the_selectors_match_the_pods_of_the_service():
    labels = PODS["pangeo-forge"]["metadata"]["labels"]
    selectors = [WEB["selector"]["matchLabels"], OBJECTS["Service", "pangeo-forge"]["spec"]["selector"]]
    selectors.append(OBJECTS["PodDisruptionBudget", "pangeo-forge"]["spec"]["selector"]["matchLabels"])
    assert selectors == [labels] * 3
    assert all(PODS[name]["metadata"]["labels"] != labels for name in PODS if name != "pangeo-forge")


def test_the_probes_ask_the_service_for_its_health():
    (container,) = PODS["pangeo-forge"]["spec"]["containers"]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert container["ports"] == [{"name": "http", "containerPort": 8000}]


def test_a_pod_has_the_time_that_gunicorn_takes_to_stop():
    (container,) = PODS["pangeo-forge"]["spec"]["containers"]
    pause = container["lifecycle"]["preStop"]["exec"]["command"][1]
    assert PODS["pangeo-forge"]["spec"]["terminationGracePeriodSeconds"] > graceful_timeout() + int(pause)
