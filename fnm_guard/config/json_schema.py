"""The JSON Schema of the file, generated from the settings.

`python -m fnm_guard.config.json_schema` prints what is shipped beside this module as fnm-guard.schema.json.
"""

import json
import sys
from typing import Any

from fnm_guard.config.settings import Settings
from fnm_guard.config.values import write_duration

__all__ = ["build", "text"]


def build() -> dict[str, Any]:
    """Give the schema; durations have their default as the file would write it."""
    schema = Settings.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        for item in part.get("properties", {}).values():
            _tidy(item)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "fnm-guard.yaml"
    return schema


def _tidy(item: dict[str, Any]) -> None:
    item.pop("title", None)
    if "patternProperties" in item:
        item["additionalProperties"] = False
    default = item.get("default")
    if item.get("x-values", "").startswith("duration") and isinstance(default, int | float):
        item["default"] = write_duration(default)
    elif isinstance(default, dict):
        del item["default"]  # a section's default is that of its keys
    if "description" in item:
        item["description"] = " ".join(item["description"].split())


def text() -> str:
    """Give the schema as the shipped file holds it."""
    return json.dumps(build(), indent=2, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
