"""web/openapi.json is whole: what it refers to is there, and each operation can be read by itself."""
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
API = json.loads((ROOT / "web" / "openapi.json").read_text())
OPERATIONS = {f"{method} {path}": operation for path, item in API["paths"].items() for method, operation in item.items()}


def everything(value):
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from everything(child)


def meant(reference):
    value = API
    for step in reference.removeprefix("#/").split("/"):
        value = value[step]
    return value


def resolved(value):
    return meant(value["$ref"]) if "$ref" in value else value


def test_it_has_the_programs_version():
    assert API["openapi"].startswith("3.1.")
    assert f"project(waybill VERSION {API['info']['version']} " in (ROOT / "CMakeLists.txt").read_text()


def test_references_lead_somewhere_and_nothing_lies_about_unused():
    references = {value["$ref"] for value in everything(API) if isinstance(value, dict) and isinstance(value.get("$ref"), str)}
    for reference in references:
        assert meant(reference), reference
    for kind in ("schemas", "parameters", "responses", "headers"):
        for name in API["components"][kind]:
            assert f"#/components/{kind}/{name}" in references, f"{kind}/{name} is not used"


def test_each_operation_has_a_name_of_its_own_and_a_summary():
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    for name, operation in OPERATIONS.items():
        assert operation["summary"] and operation["tags"][0] in [tag["name"] for tag in API["tags"]], name


def test_each_operation_has_the_parameters_of_its_path_and_says_what_they_are():
    for name, operation in OPERATIONS.items():
        parameters = [resolved(parameter) for parameter in operation.get("parameters", ())]
        assert all(parameter["description"] and parameter["schema"] for parameter in parameters), name
        assert {parameter["name"] for parameter in parameters if parameter["in"] == "path"} == set(re.findall(r"{(\w+)}", name))


def test_each_operation_says_what_goes_wrong_as_a_problem():
    for name, operation in OPERATIONS.items():
        assert any(status.startswith("2") for status in operation["responses"]), name
        for status, response in operation["responses"].items():
            response = resolved(response)
            assert response["description"], f"{name} {status}"
            if status >= "400" and name != "get /readyz":
                assert list(response["content"]) == ["application/problem+json"], f"{name} {status}"
        if "/v1/" in name:
            assert {"400", "401", "403", "429", "500", "503"} <= set(operation["responses"]), name
        if "requestBody" in operation:
            # What a phone sends is never answered 422: it would send it for ever.
            assert ({"413"} if operation["tags"] == ["phones"] else {"413", "422"}) <= set(operation["responses"]), name
